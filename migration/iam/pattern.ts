/**
 * IAM's own matching of names and resources: `*` any run of characters, `?` any one. It takes at most
 * as many steps as pattern times text, since everyone who may change a policy chooses the pattern.
 */
export function matchesIamPattern(pattern: string, text: string): boolean {
  let at = 0;
  let place = 0;
  /** The last star, and where in the text what follows it is tried. Earlier ones need take no more. */
  let star = -1;
  let tried = 0;
  while (place < text.length) {
    if (pattern[at] === "*") {
      star = at++;
      tried = place;
    } else if (pattern[at] === "?" || pattern[at] === text[place]) {
      at += 1;
      place += 1;
    } else if (star >= 0) {
      at = star + 1;
      place = ++tried;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}
