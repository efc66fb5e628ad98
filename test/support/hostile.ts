import fc from "fast-check";

/*
 * Values as somebody would write them who wants more than to be read: into a shell, a terminal,
 * Markdown, a path, a log.
 */

/** Begins a line of its own where a line end got through. */
export const forged = "FORGED nothing stands in the way";

/** @param file made by a shell that runs any of these */
function shellPayloads(file: string): string[] {
  return [
    `x\nid >${file} #`,
    `x'\nid >${file}\n'`,
    `$(id >${file})`,
    `\`id >${file}\``,
    `'; id >${file}; '`,
    `"; id >${file}; "`,
    `x & id >${file} &`,
    `x || id >${file}`,
    `x\r\nid >${file} #`,
    `x\u0000\nid >${file}`,
    `\${x:=$(id >${file})}`,
  ];
}

export const payloads = [
  ...shellPayloads("/tmp/never"),
  `\n${forged}`,
  `\r${forged}`,
  `\u2028${forged}`,
  `\u0085${forged}`,
  "\u001b[2J\u001b[H\u001b]0;title\u0007",
  "\u001b]8;;https://evil.example\u001b\\\\link\u001b]8;;\u001b\\\\",
  "\u009b31m",
  "\b\b\b\b",
  "app\u202enimda\u202c",
  "ap\u200bp\u2060\ufeff\u00ad",
  "\u{e0061}\u{e0062}",
  "\ud800",
  "<!-- hidden -->",
  "</details></code><img src=x onerror=alert(1)>",
  "| a | b |\n| - | - |",
  "```\n````\n# heading",
  "[link](javascript:alert(1))",
  "--><script>",
  "../../../etc/passwd",
  "/etc/passwd\u0000.json",
  "constructor",
  "__proto__",
  "役割/роль/rôle",
  "",
  " ",
  "-rf",
  "x".repeat(100_000),
];

const pieces = fc.oneof(
  fc.constantFrom(...payloads.filter((each) => each.length < 1_000)),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ maxLength: 20 }),
);

/** Any of these, or some of them run together. */
export const hostileText = fc.oneof(
  fc.constantFrom(...payloads),
  fc.array(pieces, { maxLength: 4 }).map((parts) => parts.join("")),
);

/** Characters in a text that must not get to a terminal or a browser. Line ends and tabs may. */
export function unshowableIn(text: string): string[] {
  return (text.match(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u{e0000}-\u{e0fff}]/gu) ?? [])
    .filter((each) => each !== "\n" && each !== "\t")
    .map((each) => `U+${each.codePointAt(0)?.toString(16)}`);
}
