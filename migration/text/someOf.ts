/** The first few of many names, for a line about a thousand nodes that has to stay readable. */
export function someOf(names: readonly string[], shown = 3): string {
  const more = names.length - shown;
  return more <= 0 ? names.join(", ") : `${names.slice(0, shown).join(", ")} and ${more} more`;
}
