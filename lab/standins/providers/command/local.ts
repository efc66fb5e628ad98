/** Commands on the machine that runs the update. */
import { spawn, type SpawnOptions } from "node:child_process";
import { constants } from "node:os";

import type { InvokeRequest } from "../plugin/provider.js";
import { reveal, text, type PropertyMap } from "../plugin/values.js";
import {
  Capture,
  environment,
  NO_OUTPUT,
  previousOutput,
  type Execution,
  type Output,
} from "./execution.js";

/** Runs the command by the interpreter, `/bin/sh -c` unless another is given. */
export async function runLocally(execution: Execution): Promise<Output> {
  const { command, inputs, signal } = execution;
  const [program = "/bin/sh", ...args] = [...interpreter(inputs), command];
  const stdin = text(inputs, "stdin") ?? "";
  const capture = new Capture(execution);
  signal.throwIfAborted();

  const options: SpawnOptions = {
    cwd: text(inputs, "dir"),
    env: { ...process.env, ...environment(inputs), ...previousOutput(execution) },
    stdio: [stdin === "" ? "ignore" : "pipe", "pipe", "pipe"],
    // A process group of its own, so that a cancelled command takes its children with it.
    detached: true,
  };
  const child = spawn(program, args, options);
  const kill = () => {
    if (child.pid !== undefined) {
      killGroup(child.pid);
    }
  };
  signal.addEventListener("abort", kill);
  child.stdout?.on("data", (chunk: Buffer) => capture.add("stdout", chunk));
  child.stderr?.on("data", (chunk: Buffer) => capture.add("stderr", chunk));
  if (child.stdin) {
    // A command need not read its input; that it closed the pipe is no failure.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
  }

  const failure = await new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, killedBy) => resolve(exitReason(code, killedBy)));
  });
  signal.removeEventListener("abort", kill);
  await capture.end();
  if (failure !== undefined) {
    throw capture.failure(failure);
  }
  return capture.output();
}

/** The function local.run: runs on every preview and update. */
export async function runInvoke({ args, signal, log }: InvokeRequest): Promise<PropertyMap> {
  const command = text(args, "command");
  if (command === undefined) {
    throw new Error("command: missing; give the command that local.run has to run.");
  }
  const output = await runLocally({ command, inputs: args, previous: NO_OUTPUT, signal, log });
  return { ...args, ...output };
}

function interpreter(inputs: PropertyMap): string[] {
  const given = reveal(inputs.interpreter ?? null);
  return Array.isArray(given) && given.length > 0 ? given.map(String) : ["/bin/sh", "-c"];
}

function exitReason(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) {
    return signal === "SIGKILL" ? "signal: killed" : `signal: ${constants.signals[signal]}`;
  }
  return code === 0 ? undefined : `exit status ${code}`;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    // It ended by itself in the meantime.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") {
      throw error;
    }
  }
}
