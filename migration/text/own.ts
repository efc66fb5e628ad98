/** What a record says of a key by itself: a node may be called `constructor`. */
export function own<Value>(
  record: Readonly<Partial<Record<string, Value>>> | undefined,
  key: string,
): Value | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
