/** Compiled once: an audit asks for the same few patterns with every role. */
const compiled = new Map<string, RegExp>();

/** IAM's own matching of names and resources: `*` any run of characters, `?` any one. */
export function matchesIamPattern(pattern: string, text: string): boolean {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".");
    expression = new RegExp(`^${source}$`, "s");
    compiled.set(pattern, expression);
  }
  return expression.test(text);
}
