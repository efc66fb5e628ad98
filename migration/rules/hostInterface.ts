/*
 * Interfaces as iptables, kube2iam and kiam take them: a name (`cni0`), a prefix (`cali+`), or
 * either negated (`!eth0`).
 */

/** Whether an interface of that name fits. */
export function fitsInterface(expression: string, name: string): boolean {
  if (expression.startsWith("!")) return !fitsInterface(expression.slice(1), name);
  return expression.endsWith("+") ? name.startsWith(expression.slice(0, -1)) : expression === name;
}

/** Whether an expression fits every interface that a name or a prefix fits. */
export function coversInterface(expression: string, other: string): boolean {
  const stem = other.endsWith("+") ? other.slice(0, -1) : other;
  if (!expression.startsWith("!")) {
    // What fits only the stem itself does not fit the longer names that the prefix fits.
    return fitsInterface(expression, stem) && (expression.endsWith("+") || !other.endsWith("+"));
  }
  const excluded = expression.slice(1);
  const overlap =
    fitsInterface(excluded, stem) ||
    (other.endsWith("+") && excluded.replace(/\+$/, "").startsWith(stem));
  return !overlap;
}
