/*
 * What logrus writes where it has no terminal, as text (`key=value key="quoted"`, the quoting is
 * Go's %q) or as one JSON object a line. Libraries for logfmt know no Go escapes.
 */

export type LogrusFields = Record<string, string>;

/** The fields of one line; undefined where logrus did not write it, or it was cut off. */
export function logrusFields(line: string): LogrusFields | undefined {
  return line.startsWith("{") ? jsonFields(line) : textFields(line);
}

const field = /([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?: |$)/y;

function textFields(line: string): LogrusFields | undefined {
  const fields: LogrusFields = {};
  const text = line.trimEnd();
  field.lastIndex = 0;
  while (field.lastIndex < text.length) {
    const [, name, quoted, bare] = field.exec(text) ?? [];
    if (name === undefined) return undefined;
    fields[name] = quoted === undefined ? (bare ?? "") : unquoted(quoted);
  }
  return "msg" in fields || "level" in fields ? fields : undefined;
}

const short: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function unquoted(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g,
    (_, byte?: string, four?: string, eight?: string, one?: string) => {
      if (one !== undefined) return short[one] ?? one;
      const code = Number.parseInt(byte ?? four ?? eight ?? "", 16);
      // %q writes bytes as such only where they are no valid UTF-8, or control characters.
      return byte !== undefined && code >= 0x80 ? "\ufffd" : String.fromCodePoint(code);
    },
  );
}

function jsonFields(line: string): LogrusFields | undefined {
  try {
    const members = Object.entries(JSON.parse(line) as Record<string, unknown>);
    return Object.fromEntries(
      members.map(([name, value]) => [
        name,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    );
  } catch {
    return undefined;
  }
}
