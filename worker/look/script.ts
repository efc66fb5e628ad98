/** worker/look/look.sh: its text, the command line that starts it, and what it answers. */
import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { join } from "node:path";

import { shownJson } from "../../migration/text/shown.js";
import { quote } from "../shellWords.js";

/** What the script saw. */
interface LookAnswer {
  interfaces: string[];
  listening: { port: number; program: string | undefined }[];
  /** The servers, as given, that did not answer at all. */
  blocked: string[];
}

let text: string | undefined;

export function lookScript(): string {
  text ??= readFileSync(join(__dirname, "look.sh"), "utf8");
  return text;
}

/**
 * The command line, for a shell that gets {@link lookScript} on stdin.
 *
 * @param servers addresses such as `10.0.0.1:443`
 */
export function lookCommand(servers: readonly string[]): string {
  for (const server of servers) {
    const [ip = "", port = ""] = server.split(":");
    if (!isIPv4(ip) || !/^\d{1,5}$/.test(port))
      throw new Error(`no address of a server: ${server}`);
  }
  return ["sh", "-s", "--", ...servers].map(quote).join(" ");
}

/** @throws Error with the first line that is not of the script's making, or where the end lacks */
export function parseLookAnswer(stdout: string): LookAnswer {
  const answer: LookAnswer = { interfaces: [], listening: [], blocked: [] };
  const lines = stdout.trimEnd().split("\n");
  if (lines.pop() !== "end") {
    throw new Error(`the look's answer has no end; it is ${shownJson(stdout.slice(-200))}`);
  }
  for (const line of lines) {
    const [, interfaceName, port, program, blocked] =
      /^(?:interface (\S+)|listen (\d{1,5})(?: (.+))?|blocked (\S+)|reached \S+)$/.exec(line) ??
      notOurs(line);
    if (interfaceName !== undefined) answer.interfaces.push(interfaceName);
    if (port !== undefined) answer.listening.push({ port: Number(port), program });
    if (blocked !== undefined) answer.blocked.push(blocked);
  }
  return answer;
}

function notOurs(line: string): never {
  throw new Error(`the look's answer has a line of another's: ${shownJson(line.slice(0, 200))}`);
}
