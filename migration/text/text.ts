/** A number with its noun: `1 pod`, `2 pods`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The first few of many names, for a line about a thousand nodes that has to stay readable. */
export function someOf(names: readonly string[], shown = 3): string {
  const more = names.length - shown;
  return more <= 0 ? names.join(", ") : `${names.slice(0, shown).join(", ")} and ${more} more`;
}

/** For sorting names the same everywhere, whatever the locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Things by what `keyOf` says of them, groups in the order in which they first come up. */
export function groupedBy<Item, Key>(
  items: Iterable<Item>,
  keyOf: (item: Item) => Key,
): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** What a thrown value says: an error's message, anything else as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What a record says of a key by itself: a node may be called `constructor`. */
export function own<Value>(
  record: Readonly<Partial<Record<string, Value>>> | undefined,
  key: string,
): Value | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** One or several of something, as policy documents allow both. */
export type OneOrMore<T> = T | T[];

export function listOf<T>(value: OneOrMore<T> | undefined): T[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
