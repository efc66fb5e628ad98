/** Comparing old and new properties, in the form in which the engine shows differences. */
import { isMap, reveal, UNKNOWN, type PropertyMap, type Value } from "./values.js";

export type ChangeKind = "add" | "delete" | "update";

export interface Change {
  /** Property path as the engine writes it: `spec.template.labels["a.b/c"]`, `triggers[0]`. */
  path: string;
  /** The same path as its single steps. */
  steps: readonly (string | number)[];
  kind: ChangeKind;
}

/**
 * Every place where `after` differs from `before`. Secrecy is no difference; an unknown differs from
 * everything, since a preview has to assume that it changes. A null counts as absent.
 */
export function changes(before: PropertyMap, after: PropertyMap): Change[] {
  return compareMaps([], reveal(before) as PropertyMap, reveal(after) as PropertyMap);
}

function compareMaps(
  at: readonly (string | number)[],
  before: PropertyMap,
  after: PropertyMap,
): Change[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].sort().flatMap((key) => compare([...at, key], before[key], after[key]));
}

function compare(
  at: readonly (string | number)[],
  before: Value | undefined,
  after: Value | undefined,
): Change[] {
  const absentBefore = before === undefined || before === null;
  const absentAfter = after === undefined || after === null;
  if (absentBefore || absentAfter) {
    if (absentBefore === absentAfter) {
      return [];
    }
    return [change(at, absentBefore ? "add" : "delete")];
  }
  if (isMap(before) && isMap(after)) {
    return compareMaps(at, before, after);
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, i) => compare([...at, i], before[i], after[i])).flat();
  }
  return before === after && before !== UNKNOWN ? [] : [change(at, "update")];
}

function change(steps: readonly (string | number)[], kind: ChangeKind): Change {
  return { steps, kind, path: formatPath(steps) };
}

function formatPath(steps: readonly (string | number)[]): string {
  return steps.reduce<string>((path, step) => {
    if (typeof step === "number") {
      return `${path}[${step}]`;
    }
    if (!/^[A-Za-z_$][\w$-]*$/.test(step)) {
      return `${path}[${JSON.stringify(step)}]`;
    }
    return path === "" ? step : `${path}.${step}`;
  }, "");
}

/**
 * The changes without those below a path named by the resource option `ignoreChanges`. Both sides are
 * compared as paths: `data` covers `data.key` and `data["a.b"]`.
 */
export function withoutIgnored(list: readonly Change[], ignored: readonly string[]): Change[] {
  return list.filter(
    ({ path }) =>
      !ignored.some(
        (prefix) =>
          path === prefix || path.startsWith(`${prefix}.`) || path.startsWith(`${prefix}[`),
      ),
  );
}
