import { RE2JS } from "re2js";

/*
 * kiam answers 404 to every path but those of credentials, IMDSv2's token and its own /ping and
 * /health, unless a regular expression (Go's, RE2) finds a match in the path. It is not anchored,
 * and the path has its leading slash [kiam pkg/aws/metadata/handler_proxy.go, server.go].
 */

/**
 * The agent's flag for it: `--whitelist-route-regexp` in kiam 3, `--allow-route-regexp` since 4.0.
 * Neither version knows the other's, and fails with it [cmd/kiam/agent.go at v3.6 and v4.0].
 *
 * @param image kiam's image; the newer name where its tag does not tell a version
 */
export function allowRouteFlag(image: string): string {
  return /:v?3(\.|$)/.test(image) ? "whitelist-route-regexp" : "allow-route-regexp";
}

/** Of a network interface: it stands in paths, and is another one on every node. */
const macAddress = /[0-9a-f]{2}(?::[0-9a-f]{2}){5}/gi;

/**
 * The expression that allows exactly these paths, but with any MAC address where one has one. The
 * same paths in any order give the same one.
 *
 * @returns `^$`, kiam's own default, where there are none
 */
export function allowRouteRegexp(paths: readonly string[]): string {
  const quoted = [
    ...new Set(paths.map((path) => quote(path).replace(macAddress, "[0-9A-Fa-f:]{17}"))),
  ].sort();
  return quoted.length === 0 ? "^$" : `^(?:${quoted.join("|")})$`;
}

/** The expression that allows these paths besides what another one allows. */
export function alsoAllowing(pattern: string | undefined, paths: readonly string[]): string {
  const exact = allowRouteRegexp(paths);
  return pattern === undefined || pattern === "" || pattern === "^$"
    ? exact
    : `${pattern}|${exact}`;
}

/**
 * Tells of a path whether kiam passes it on.
 *
 * @param pattern value of the flag; undefined or empty allows nothing
 * @throws Error where it is not a valid Go regular expression
 */
export function routeMatcher(pattern: string | undefined): (path: string) => boolean {
  if (pattern === undefined || pattern === "") return () => false;
  const compiled = RE2JS.compile(pattern);
  return (path) => compiled.matcher(path).find();
}

/** Quotes a path, so that it also survives in a flag, which has no room for line breaks. */
function quote(path: string): string {
  return Array.from(path, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code > 0x7e) return `\\x{${code.toString(16)}}`;
    return /[\\.+*?()|[\]{}^$]/.test(character) ? `\\${character}` : character;
  }).join("");
}
