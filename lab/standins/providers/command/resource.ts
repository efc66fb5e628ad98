/** The life of a Command resource, local or remote. */
import { changes, withoutIgnored } from "../plugin/diff.js";
import { randomHex } from "../plugin/names.js";
import type {
  CheckFailure,
  CheckRequest,
  CreateRequest,
  DeleteRequest,
  DiffRequest,
  DiffResult,
  Operation,
  ReadRequest,
  ReadResult,
  Resource,
  UpdateRequest,
} from "../plugin/provider.js";
import { Secret, text, UNKNOWN, type PropertyMap } from "../plugin/values.js";
import { checkConnection } from "./connection-inputs.js";
import { NO_OUTPUT, type Output, type Runner } from "./execution.js";

const COMMON = [
  "create",
  "update",
  "delete",
  "triggers",
  "stdin",
  "logging",
  "environment",
  "addPreviousOutputInEnv",
];
const LOCAL_ONLY = ["interpreter", "dir", "assetPaths", "archivePaths"];
const LOGGING = ["stdout", "stderr", "stdoutAndStderr", "none"];

export class CommandResource implements Resource {
  private readonly inputNames: ReadonlySet<string>;
  private readonly connects: boolean;

  /** @param options.connection whether the resource has a `connection`, which is kept secret. */
  constructor(
    private readonly run: Runner,
    options: { connection?: boolean } = {},
  ) {
    this.connects = options.connection ?? false;
    this.inputNames = new Set([...COMMON, ...(this.connects ? ["connection"] : LOCAL_ONLY)]);
  }

  check({ news }: CheckRequest): Promise<{ inputs: PropertyMap; failures: CheckFailure[] }> {
    const failures: CheckFailure[] = [];
    for (const property of ["assetPaths", "archivePaths"]) {
      if (news[property] !== undefined && news[property] !== null) {
        failures.push({
          property,
          reason: "the stand-in for the command provider does not collect files; remove it",
        });
      }
    }
    const logging = text(news, "logging");
    if (logging !== undefined && !LOGGING.includes(logging)) {
      failures.push({ property: "logging", reason: `must be one of ${LOGGING.join(", ")}` });
    }
    const inputs = { ...news };
    if (this.connects) {
      const { connection, failures: found } = checkConnection(news.connection);
      inputs.connection = connection;
      failures.push(...found);
    }
    return Promise.resolve({ inputs, failures });
  }

  diff({ oldOutputs, news, ignoreChanges }: DiffRequest): Promise<DiffResult> {
    const olds = Object.fromEntries(
      Object.entries(oldOutputs).filter(([name]) => this.inputNames.has(name)),
    );
    return Promise.resolve({
      changes: withoutIgnored(changes(olds, news), ignoreChanges),
      // Everything else runs `update`, or `create` again, in place.
      replaces: ({ steps }) => steps[0] === "triggers",
      deleteBeforeReplace: false,
    });
  }

  async create(request: CreateRequest): Promise<{ id: string; outputs: PropertyMap }> {
    const { inputs, name, preview } = request;
    if (preview) {
      return { id: "", outputs: { ...inputs, stdout: UNKNOWN, stderr: UNKNOWN } };
    }
    const command = text(inputs, "create");
    const output = await this.runWithin(request, command, inputs, NO_OUTPUT);
    return { id: `${name}${randomHex(8)}`, outputs: { ...inputs, ...output } };
  }

  async update(request: UpdateRequest): Promise<{ outputs: PropertyMap }> {
    const { inputs, oldOutputs, preview } = request;
    if (preview) {
      return { outputs: { ...inputs, stdout: UNKNOWN, stderr: UNKNOWN } };
    }
    const command = text(inputs, "update") ?? text(inputs, "create");
    const output = await this.runWithin(request, command, inputs, printed(oldOutputs));
    return { outputs: { ...inputs, ...keepSecrecy(output, oldOutputs) } };
  }

  async delete(request: DeleteRequest): Promise<void> {
    const { outputs } = request;
    await this.runWithin(request, text(outputs, "delete"), outputs, printed(outputs));
  }

  /** There is nothing to look at: what a command did is known only to the command. */
  read({ id, inputs, outputs }: ReadRequest): Promise<ReadResult> {
    return Promise.resolve({ id, inputs, outputs });
  }

  private async runWithin(
    { signal, log, timeout }: Operation & { timeout: number },
    command: string | undefined,
    inputs: PropertyMap,
    previous: Output,
  ): Promise<Output> {
    if (command === undefined) {
      return previous;
    }
    const limit = timeout > 0 ? AbortSignal.timeout(timeout * 1000) : undefined;
    return this.run({
      command,
      inputs,
      previous,
      log,
      signal: limit ? AbortSignal.any([signal, limit]) : signal,
    });
  }
}

function printed(outputs: PropertyMap): Output {
  return { stdout: text(outputs, "stdout") ?? "", stderr: text(outputs, "stderr") ?? "" };
}

/** What was a secret output (by `additionalSecretOutputs`) stays one. */
function keepSecrecy(output: Output, olds: PropertyMap): PropertyMap {
  const keep = (name: "stdout" | "stderr") =>
    olds[name] instanceof Secret ? new Secret(output[name]) : output[name];
  return { stdout: keep("stdout"), stderr: keep("stderr") };
}
