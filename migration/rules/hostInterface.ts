/*
 * Interfaces as iptables, kube2iam and kiam take them: a name (`cni0`), a prefix (`cali+`), or
 * either negated (`!eth0`).
 */

/** Whether an interface of that name fits. */
export function fitsInterface(expression: string, name: string): boolean {
  if (expression.startsWith("!")) return !fitsInterface(expression.slice(1), name);
  return expression.endsWith("+") ? name.startsWith(expression.slice(0, -1)) : expression === name;
}

/**
 * Whether a rule for `wide` sees every packet that a rule for `narrow` sees; undefined is every
 * interface. Of negations only an equal one, or every interface, is taken to cover one: where the
 * answer is not certain it is no, because a removal that relies on it would hand pods the node's
 * own role. `covers` in worker/rules/tables/interfaces.sh is the same on a worker.
 */
export function coversInterface(wide: string | undefined, narrow: string | undefined): boolean {
  if (wide === undefined || wide === "+" || wide === narrow) return true;
  if (narrow === undefined || narrow.startsWith("!")) return false;
  return wide.startsWith("!") ? !overlap(wide.slice(1), narrow) : isWithin(narrow, wide);
}

/** Whether one interface can fit both (no negations). */
function overlap(one: string, other: string): boolean {
  return one === other || isWithin(one, other) || isWithin(other, one);
}

/** Whether `prefix` is one, and fits all that a name or another prefix fits. */
function isWithin(narrow: string, prefix: string): boolean {
  return prefix.endsWith("+") && narrow.replace(/\+$/, "").startsWith(prefix.slice(0, -1));
}
