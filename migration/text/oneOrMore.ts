/** One or several of something, as policy documents allow both. */
export type OneOrMore<T> = T | T[];

export function listOf<T>(value: OneOrMore<T> | undefined): T[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
