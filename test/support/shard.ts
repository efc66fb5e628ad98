/** One of several parts of a tier, each of which runs in a lab of its own. */
export interface Shard {
  /** 1 to `count`. */
  index: number;
  count: number;
}

/** All of a tier. */
export const wholeTier: Shard = { index: 1, count: 1 };

/**
 * Takes `--shard 1/2` out of a command line.
 *
 * @returns the shard (all of the tier where none is named), and the words that are left
 * @throws where it is no shard, saying what one looks like
 */
export function takeShard(words: readonly string[]): { shard: Shard; rest: string[] } {
  const at = words.findIndex((word) => word === "--shard" || word.startsWith("--shard="));
  if (at < 0) return { shard: wholeTier, rest: [...words] };
  const joined = words[at]?.split("=")[1];
  const rest = words.filter(
    (_, index) => index < at || index > at + (joined === undefined ? 1 : 0),
  );
  return { shard: parseShard(joined ?? words[at + 1] ?? ""), rest };
}

/** `1/2` as a shard. */
export function parseShard(text: string): Shard {
  const [, index = 0, count = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index < 1 || index > count) {
    throw new Error(`--shard ${text}: name one of so many parts, such as --shard 1/2`);
  }
  return { index, count };
}

/**
 * The lab directory of a shard: tiers and their shards run at once, and beside `npm start`.
 *
 * @param directory the lab's usual one
 */
export function shardDirectory(directory: string, tier: string, { index, count }: Shard): string {
  return `${directory}-${tier}` + (count === 1 ? "" : `-${index}of${count}`);
}

/**
 * What an item counts when items are shared: what it takes, at least a second.
 *
 * @param seconds what each takes, as measured; undefined where nobody knows: then the mean of the others
 */
export function weights<T>(
  items: readonly T[],
  seconds: (item: T) => number | undefined,
): (item: T) => number {
  const known = items.map(seconds).filter((each) => each !== undefined);
  const mean = known.reduce((sum, each) => sum + each, 0) / (known.length || 1);
  return (item) => Math.max(seconds(item) ?? mean, 1);
}

/**
 * Which items a shard runs: the longest go first, each to the shard that has the least to do.
 *
 * @param seconds as for {@link weights}
 * @returns in the order in which they were given
 */
export function shareOf<T>(
  items: readonly T[],
  seconds: (item: T) => number | undefined,
  { index, count }: Shard,
): T[] {
  const weigh = weights(items, seconds);
  const loads = Array.from({ length: count }, () => 0);
  const mine = new Set<T>();
  for (const item of [...items].sort((a, b) => weigh(b) - weigh(a))) {
    const least = loads.indexOf(Math.min(...loads));
    loads[least] = (loads[least] ?? 0) + weigh(item);
    if (least === index - 1) mine.add(item);
  }
  return items.filter((item) => mine.has(item));
}
