/**
 * The globs of github.com/ryanuber/go-glob v1, which kube2iam uses: `*` is any run of characters,
 * none included; nothing else is special; the whole text has to match, in its case.
 */

export function matchesGlob(pattern: string, text: string): boolean {
  const [first = "", ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.slice(at).endsWith(last);
}
