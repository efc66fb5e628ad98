import { compareText } from "../text/text.js";

/** Things by their namespace, namespaces sorted by name. */
export function perNamespace<Item extends { namespace: string }>(
  items: readonly Item[],
): [string, Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(item.namespace);
    if (group === undefined) groups.set(item.namespace, [item]);
    else group.push(item);
  }
  return [...groups].sort(([a], [b]) => compareText(a, b));
}
