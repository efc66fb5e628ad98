import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LabPaths } from "../paths.js";
import { environmentOf, enter } from "./namespaces.js";
import { identify, type ProcessIdentity } from "./processes.js";

/** A process that runs as long as the lab does. Its output goes to `<lab>/log/<name>.log`. */
export interface Daemon {
  readonly name: string;
  readonly file: string;
  readonly args?: readonly string[];
  /** The member of the lab to run it on; none: where the lab's own program runs. */
  readonly member?: string;
  /** Added to the environment, which on a node is otherwise almost empty. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningDaemon extends ProcessIdentity {
  readonly name: string;
}

/**
 * Starts the lab's daemons, records each with its start time, and notices at once when one ends
 * that was not told to. Daemons outlive the program that started them.
 */
export class Supervisor {
  /** The present process of each name; a former one may still be on its way out. */
  private readonly running = new Map<string, { mayEnd: boolean }>();
  private readonly onDeath = new Set<(error: Error) => void>();
  private death: Error | undefined;

  constructor(private readonly paths: LabPaths) {}

  start(daemon: Daemon): RunningDaemon {
    mkdirSync(this.paths.logs, { recursive: true });
    mkdirSync(this.paths.processes, { recursive: true });
    const output = openSync(this.logOf(daemon.name), "a");
    const prefix = daemon.member ? enter(daemon.member, this.paths.directory) : [];
    const surroundings = daemon.member ? environmentOf(daemon.member, this.paths.directory) : {};
    const [file = "", ...args] = [...prefix, daemon.file, ...(daemon.args ?? [])];
    const state = { mayEnd: false };
    this.running.set(daemon.name, state);
    // Not execa: the daemon writes to its log itself, also when this program has ended.
    const child = spawn(file, args, {
      env: {
        ...(surroundings.extendEnv === false ? {} : process.env),
        ...surroundings.env,
        ...daemon.env,
      },
      stdio: ["ignore", output, output],
      detached: true,
    });
    // Without a listener a program that is missing would end this one; the check below tells.
    child.on("error", () => undefined);
    closeSync(output);
    // A lab that is kept must not keep the program that started it.
    child.unref();
    if (child.pid === undefined) throw new Error(`${daemon.name}: ${file} could not be started`);
    const identity = identify(child.pid);
    const record = join(this.paths.processes, `${daemon.name}.json`);
    writeFileSync(record, JSON.stringify({ name: daemon.name, ...identity }));
    child.on("exit", (status, signal) => {
      if (state.mayEnd) return;
      const how = signal ? `killed by ${signal}` : `exit status ${status}`;
      this.die(new Error(`${daemon.name} ended by itself (${how}).\n${this.tail(daemon.name)}`));
    });
    return { name: daemon.name, ...identity };
  }

  /** From now on the end of these daemons is no failure. */
  dismiss(isExpected: (name: string) => boolean): void {
    for (const [name, state] of this.running) if (isExpected(name)) state.mayEnd = true;
    for (const { name } of recordedDaemons(this.paths).filter((each) => isExpected(each.name))) {
      rmSync(join(this.paths.processes, `${name}.json`), { force: true });
    }
  }

  /** Ends every wait that goes on, and all later ones, with `reason`: the lab is given up. */
  abandon(reason: Error): void {
    this.dismiss(() => true);
    this.die(reason);
  }

  /** Waits for `work`, but rejects as soon as any daemon dies. */
  async guard<T>(work: Promise<T>): Promise<T> {
    // The one that loses the race may still fail later, when nothing listens any more.
    work.catch(() => undefined);
    this.assertRunning();
    let stop: ((error: Error) => void) | undefined;
    const died = new Promise<never>((_, reject) => this.onDeath.add((stop = reject)));
    try {
      return await Promise.race([work, died]);
    } finally {
      if (stop) this.onDeath.delete(stop);
    }
  }

  /**
   * Asks `missing` again and again until it answers undefined.
   * @param missing what is not there yet, in words; an error counts as missing
   * @param blame the daemon whose log explains a timeout
   */
  async until(
    missing: () => Promise<string | undefined>,
    options: { timeoutMs: number; intervalMs?: number; blame: string },
  ): Promise<void> {
    const deadline = Date.now() + options.timeoutMs;
    for (;;) {
      const lacking = await this.guard(missing().catch((error: Error) => error.message));
      if (lacking === undefined) return;
      if (Date.now() > deadline) {
        throw new Error(
          `after ${options.timeoutMs / 1000} s: ${lacking}\n${this.tail(options.blame)}`,
        );
      }
      await sleep(options.intervalMs ?? 200);
    }
  }

  /** @throws what ended the lab: the death of a daemon, or {@link abandon}'s reason */
  assertRunning(): void {
    if (this.death) throw this.death;
  }

  logOf(name: string): string {
    return join(this.paths.logs, `${name}.log`);
  }

  tail(name: string, lines = 15): string {
    const file = this.logOf(name);
    let end = "";
    try {
      end = readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
    } catch {
      // It said nothing.
    }
    return end ? `The end of ${file}:\n${end}` : `${file} is empty.`;
  }

  private die(error: Error): void {
    this.death ??= error;
    for (const reject of this.onDeath) reject(error);
  }
}

/** The daemons that a lab, perhaps of another program, has recorded. */
export function recordedDaemons(paths: LabPaths): RunningDaemon[] {
  if (!existsSync(paths.processes)) return [];
  return readdirSync(paths.processes).flatMap((file) => {
    try {
      return [JSON.parse(readFileSync(join(paths.processes, file), "utf8")) as RunningDaemon];
    } catch {
      return []; // half written when its program was killed; found by its namespace instead
    }
  });
}
