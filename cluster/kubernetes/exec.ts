import { PassThrough, Writable } from "node:stream";

import type { KubeConfig, V1Pod, V1Status } from "@kubernetes/client-node";

import { howToGrant, missingKubernetesRight } from "../../migration/rights/missingRight.js";
import { messageOf } from "../../migration/text/text.js";
import { GateError } from "../../migration/text/problem.js";

export interface ExecOptions {
  timeoutSeconds: number;
  /** Sent to the command, whose standard input then stays open; see {@link exec}. */
  stdin?: string;
  /** Name of the container; the pod's first one when unset. */
  container?: string;
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command in a container of a running pod and waits for its end.
 *
 * The command never sees the end of its standard input: only version 5 of the exec protocol
 * (Kubernetes 1.30) can say that without hanging up. A command must know by itself how much to
 * read, such as `head -c`.
 *
 * @returns also when the exit code is not 0
 * @throws ExecRefusedError when the command was not started; GateError when its end was not seen,
 *   or time is up
 */
export async function exec(
  config: KubeConfig,
  pod: V1Pod,
  command: string[],
  { timeoutSeconds, stdin, container = pod.spec?.containers[0]?.name ?? "" }: ExecOptions,
): Promise<ExecResult> {
  const { Exec } = await import("@kubernetes/client-node");
  const namespace = pod.metadata?.namespace ?? "";
  const name = pod.metadata?.name ?? "";
  const node = pod.spec?.nodeName ?? "unknown node";
  const shown = command.join(" ").slice(0, 120);
  const failure = (what: string, cause?: unknown) =>
    new GateError(`exec in pod ${namespace}/${name} on ${node} (${shown}): ${what}`, [], { cause });

  const stdout = collector();
  const stderr = collector();
  const input = stdin === undefined ? null : new PassThrough();
  return new Promise<ExecResult>((resolve, reject) => {
    let close: () => void = () => {};
    const timer = setTimeout(() => {
      close();
      reject(failure(`no end after ${timeoutSeconds} s`));
    }, timeoutSeconds * 1000);
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      outcome();
    };
    new Exec(config)
      .exec(namespace, name, container, command, stdout, stderr, input, false, (status) => {
        settle(() => {
          const exitCode = exitCodeOf(status);
          if (exitCode === undefined)
            reject(refusedOr(failure(status.message ?? JSON.stringify(status))));
          else resolve({ exitCode, stdout: stdout.text(), stderr: stderr.text() });
        });
      })
      .then((webSocket) => {
        // The client's types name a package that has none for this platform.
        const connection = webSocket as unknown as { close(): void; onclose: () => void };
        close = () => connection.close();
        connection.onclose = () =>
          settle(() => reject(failure("the connection closed before the command ended")));
        input?.write(stdin);
      })
      .catch((error: unknown) => {
        const message = connectMessage(error);
        const missing = /\b404\b/.test(message);
        const said = /\b403\b/.test(message) ? `${message}. ${execRight(namespace)}` : message;
        settle(() => reject(new ExecRefusedError(failure(said, error), missing)));
      });
  });
}

/** The command was not started: the container does not run, for example, or exec is forbidden. */
export class ExecRefusedError extends GateError {
  /** @param missing whether the API server or the kubelet said that there is no such pod or container */
  constructor(
    failure: GateError,
    readonly missing: boolean,
  ) {
    super(failure.finding, failure.problems, { cause: failure.cause });
  }
}

/** The kubelet's refusal comes by way of the API server, after the connection was made. */
function refusedOr(failed: GateError): GateError {
  return /unable to upgrade connection|container not found/.test(failed.message)
    ? new ExecRefusedError(failed, /(container not found|pod does not exist)/.test(failed.message))
    : failed;
}

/** undefined where the command's end is not known. */
function exitCodeOf(status: V1Status): number | undefined {
  if (status.status === "Success") return 0;
  const cause = status.details?.causes?.find((each) => each.reason === "ExitCode");
  return cause?.message === undefined ? undefined : Number(cause.message);
}

/** The refusal of a web socket is known by its status alone. */
function execRight(namespace: string): string {
  const request = { verb: "create", group: "", resource: "pods/exec", namespace };
  return howToGrant(missingKubernetesRight(request));
}

/** The web socket hands over an event instead of an error. */
function connectMessage(error: unknown): string {
  if (typeof error === "object" && error !== null && "message" in error) {
    return String(error.message);
  }
  return messageOf(error);
}

function collector(): Writable & { text(): string } {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return Object.assign(sink, { text: () => Buffer.concat(chunks).toString("utf8") });
}
