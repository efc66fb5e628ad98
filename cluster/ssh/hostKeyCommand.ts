import { execFile, type ExecFileException } from "node:child_process";
import { promisify } from "node:util";

import {
  hostKeyEnvironment,
  hostKeyIn,
  type AskedNode,
} from "../../migration/facts/hostKeyCommand.js";
import { GateError } from "../../migration/text/problem.js";

/** KiB of the program's output, and of what it says on stderr, that are read at most. */
const mostKibibytes = 64;

/** Characters at the end of what it says on stderr that get into a message. */
const mostSaid = 1_000;

/**
 * Asks the operator's program for a node's public host key: one line of the form that ssh.hostKeys
 * takes, whose comment is dropped.
 *
 * @param seconds that the program may take
 * @throws GateError where it says anything else, or nothing
 */
export async function askHostKey(
  command: readonly string[],
  node: AskedNode,
  seconds = 30,
): Promise<string> {
  const { printed, said, failed } = await run(command, hostKeyEnvironment(node), seconds);
  const answer = failed === undefined ? hostKeyIn(printed) : { problem: failed };
  if ("hostKey" in answer) return answer.hostKey;
  const { name, providerId = "no EC2 instance", address } = node;
  const words = said === "" ? "" : `; it said: ${said}`;
  throw new GateError(`the SSH host key of ${name} is not known`, [
    {
      where: `node ${name} (${providerId}, ${address})`,
      what: `ssh.hostKeyCommand, ${command[0]}, ${answer.problem}${words}`,
      why: "without the key, root commands would go to whatever answers at its address",
      fix: `run it by hand with NODE_NAME, PROVIDER_ID and ADDRESS of this node: it has to print one line such as 'ssh-ed25519 AAAA…' within ${seconds} s; or put the node's key into ssh.hostKeys`,
    },
  ]);
}

interface Run {
  printed: string;
  /** The end of what it said on stderr. */
  said: string;
  /** What went wrong with it; undefined where it ended well. */
  failed?: string;
}

async function run(
  [program = "", ...words]: readonly string[],
  environment: Record<string, string>,
  seconds: number,
): Promise<Run> {
  try {
    // In this process's own group: what ends a gate (SIGKILL to its group) ends the program as well.
    const running = promisify(execFile)(program, words, {
      env: { ...process.env, ...environment },
      timeout: seconds * 1000,
      killSignal: "SIGKILL",
      maxBuffer: mostKibibytes * 1024,
    });
    running.child.stdin?.end();
    const { stdout, stderr } = await running;
    return { printed: stdout, said: lastWords(stderr) };
  } catch (error) {
    const failure = error as ExecFileException;
    return { printed: "", said: lastWords(failure.stderr), failed: whatFailed(failure, seconds) };
  }
}

function whatFailed({ code, killed, signal, message }: ExecFileException, seconds: number): string {
  if (String(code) === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") {
    return `printed more than ${mostKibibytes} KiB`;
  }
  if (killed === true) return `did not end within ${seconds} s`;
  if (typeof code === "number") return `ended with status ${code}`;
  return signal ? `ended by ${signal}` : `could not be started (${message})`;
}

function lastWords(stderr = ""): string {
  return stderr.trim().slice(-mostSaid);
}
