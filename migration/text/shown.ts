/*
 * What comes from the cluster, as a person may be shown it: every character that a terminal or a
 * browser would act on, or not show, stands as its escape, such as \u001b.
 *
 * One function for each way out: shown for a whole text, shownLine for a value within a line,
 * shownJson for JSON, inMarkdown and codeInMarkdown for Markdown.
 */

/**
 * Control characters, lone surrogates, format characters (bidi overrides, zero-width ones, tags),
 * line and paragraph separators, private and unassigned ones, and those that show nothing.
 */
const unshowable =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

function escaped(text: string): string {
  return text
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

/** A text of several lines. Its line ends and tabs stay. */
export function shown(text: string): string {
  return text.replace(unshowable, (each) =>
    each === "\n" || each === "\t" ? each : escaped(each),
  );
}

/** Most characters of a value within a line. */
const longestValue = 2_000;

/** A value within a line: nothing in it ends the line, and a very long one is cut. */
export function shownLine(value: string, longest = longestValue): string {
  const short =
    value.length <= longest
      ? value
      : `${value.slice(0, longest)}… (${value.length - longest} more characters)`;
  return short.replace(unshowable, escaped);
}

/** JSON that means the same and can be shown. */
export function shownJson(document: unknown, indent?: number): string {
  return shown(JSON.stringify(document, null, indent));
}

/** A value within a line of Markdown, as plain text: it formats nothing, links nowhere and notifies no one. */
export function inMarkdown(value: string): string {
  // As an entity alone, GitHub and GitLab would still take it for a mention or a reference.
  return withoutMarkup(value).replace(/@|(?<!&)#(?=\d)|!(?=\d)/g, "$&&#8203;");
}

/** A value as code within a line of Markdown, also in a table. */
export function codeInMarkdown(value: string): string {
  return /^[\w./:@=+,~-]+$/.test(value) ? `\`${value}\`` : `<code>${withoutMarkup(value)}</code>`;
}

/** Characters that mark something up, and those by which an address becomes a link, as entities. */
function withoutMarkup(value: string): string {
  return shownLine(value).replace(/[\\`*_[\]<>|~&$]|:(?=\/\/)|(?<=\bwww)\./gi, entity);
}

/** A block of code; its fence is longer than any in it. */
export function codeBlock(language: string, lines: readonly string[]): string[] {
  const text = lines.map((line) => shownLine(line));
  const longest = Math.max(
    2,
    ...text.flatMap((line) => (line.match(/`{3,}/g) ?? []).map((run) => run.length)),
  );
  const fence = "`".repeat(longest + 1);
  return [`${fence}${language}`, ...text, fence];
}

function entity(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}
