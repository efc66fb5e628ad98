/** What local and remote commands have in common: settings, output, the form of a failure. */
import type { Log } from "../plugin/provider.js";
import { reveal, text, type PropertyMap } from "../plugin/values.js";

/** What a command printed, without the last line break. */
export interface Output {
  stdout: string;
  stderr: string;
}

export interface Execution {
  command: string;
  /** Checked inputs of the resource. */
  inputs: PropertyMap;
  /** What the former run printed; empty at creation. */
  previous: Output;
  /** Aborted on cancellation and when the operation's time is over. */
  signal: AbortSignal;
  log: Log;
}

/** Runs a command to its end. @throws when it cannot run or does not succeed. */
export type Runner = (execution: Execution) => Promise<Output>;

export const NO_OUTPUT: Output = { stdout: "", stderr: "" };

/** The inputs' own variables. Values that are not strings are left out. */
export function environment(inputs: PropertyMap): Record<string, string> {
  const map = reveal(inputs.environment ?? null);
  return typeof map === "object" && map !== null
    ? Object.fromEntries(
        Object.entries(map).filter((entry): entry is [string, string] => {
          return typeof entry[1] === "string";
        }),
      )
    : {};
}

/** The variables through which a command sees what the former run printed. */
export function previousOutput({ inputs, previous }: Execution): Record<string, string> {
  if (reveal(inputs.addPreviousOutputInEnv ?? null) === false) {
    return {};
  }
  return {
    ...(previous.stdout === "" ? {} : { PULUMI_COMMAND_STDOUT: previous.stdout }),
    ...(previous.stderr === "" ? {} : { PULUMI_COMMAND_STDERR: previous.stderr }),
  };
}

/** Collects what a command prints and passes it on to the engine line by line as it comes. */
export class Capture {
  private readonly chunks = {
    stdout: [] as Buffer[],
    stderr: [] as Buffer[],
    both: [] as Buffer[],
  };
  private rest = { stdout: "", stderr: "" };
  private logged: Promise<void> = Promise.resolve();

  constructor(private readonly execution: Execution) {}

  add(stream: "stdout" | "stderr", chunk: Buffer): void {
    this.chunks[stream].push(chunk);
    this.chunks.both.push(chunk);
    const logging = text(this.execution.inputs, "logging") ?? "stdoutAndStderr";
    if (logging !== stream && logging !== "stdoutAndStderr") {
      return;
    }
    const lines = (this.rest[stream] + chunk.toString("utf8")).split("\n");
    this.rest[stream] = lines.pop() ?? "";
    lines.forEach((line) => this.logLine(line));
  }

  /** Sends what is left of the last line and waits for the log. */
  async end(): Promise<void> {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.rest[stream] !== "") {
        this.logLine(this.rest[stream]);
        this.rest[stream] = "";
      }
    }
    await this.logged;
  }

  output(): Output {
    const trimmed = (chunks: Buffer[]) => Buffer.concat(chunks).toString("utf8").replace(/\n$/, "");
    return { stdout: trimmed(this.chunks.stdout), stderr: trimmed(this.chunks.stderr) };
  }

  /** The official provider's words: why, which command, and everything it printed. */
  failure(reason: string): Error {
    const printed = Buffer.concat(this.chunks.both).toString("utf8");
    return new Error(`${reason}: running ${JSON.stringify(this.execution.command)}:\n${printed}`);
  }

  private logLine(line: string): void {
    this.logged = this.logged.then(() =>
      this.execution.log.status("info", line.replace(/\r$/, "")),
    );
  }
}
