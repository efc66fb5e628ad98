/**
 * The real Pulumi engine for tests: where it is, and stacks on it that leave nothing behind.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";

import * as automation from "@pulumi/pulumi/automation";

import { exportState } from "../../automation/stack/readableStack.js";
import { withWholeProgram } from "../../automation/update/wholeProgram.js";
import { skipBecause } from "../support/requirements.js";

const REPOSITORY = path.resolve(__dirname, "../..");
const PLUGINS = path.join(REPOSITORY, "lab/standins/providers");
const ENGINE_VERSION = "3.259.0";

/**
 * Directory that holds `bin/pulumi`, or undefined where there is none: `KIAM_LAB_ENGINE`, then where
 * the npm launcher keeps its download.
 */
function findEngine(): string | undefined {
  const pulumiHome = process.env.PULUMI_HOME ?? path.join(homedir(), ".pulumi");
  return [process.env.KIAM_LAB_ENGINE, path.join(pulumiHome, "versions", ENGINE_VERSION)].find(
    (root) => root !== undefined && existsSync(path.join(root, "bin/pulumi")),
  );
}

/** Skips the running test or suite, saying why, where no engine can be found. */
export function requireEngine(context: Mocha.Context): string {
  const engine = findEngine();
  if (engine === undefined) {
    return skipBecause(
      context,
      "needs a Pulumi engine: KIAM_LAB_ENGINE, a directory with bin/pulumi",
    );
  }
  return engine;
}

export interface TestStack {
  stack: automation.Stack;
  /** Directory in which the program seems to run. */
  directory: string;
  /** Replaces the program that the next operation runs. */
  program(program: automation.PulumiFn): void;
  /** What the program returned. `up` leaves it out: it takes Pulumi's command line twice. */
  outputs(): Promise<automation.OutputMap>;
  /** Resources as the state has them, by name; secrets stay encrypted. */
  resources(): Promise<Record<string, StateResource>>;
  dispose(): Promise<void>;
}

export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  initErrors?: string[];
  dependencies?: string[];
}

/** A stack of the project `test` on a file backend, with the stand-ins as its provider plugins. */
export async function createStack(
  engine: string,
  environment: Record<string, string> = {},
): Promise<TestStack> {
  const directory = await mkdtemp(path.join(tmpdir(), "kiam-engine-test-"));
  let current: automation.PulumiFn = () => Promise.resolve();
  const providers = ["kubernetes", "aws", "command"].map((name) => ({
    name,
    path: path.join(PLUGINS, name),
  }));
  const command = await automation.PulumiCommand.get({ root: engine });
  const stack = await automation.LocalWorkspace.createStack(
    { stackName: "unit", projectName: "test", program: () => current() },
    {
      workDir: directory,
      pulumiCommand: command,
      pulumiHome: path.join(directory, "home"),
      envVars: {
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_BACKEND_URL: `file://${directory}`,
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK: "true",
        ...environment,
      },
      // The engine knows `plugins`; the SDK's type does not have it yet.
      projectSettings: {
        name: "test",
        runtime: "nodejs",
        plugins: { providers },
      } as automation.ProjectSettings,
    },
  );
  // As the product runs its program; which it gives along where a test has the product do it.
  const asTheProduct = <O extends { program?: automation.PulumiFn }, R>(
    run: (options?: O) => Promise<R>,
    options?: O,
  ) =>
    options?.program === undefined
      ? withWholeProgram(stack, (program) => run({ ...options, program } as O))
      : run(options);
  const { prototype } = automation.Stack;
  const outputs = stack.outputs.bind(stack);
  stack.outputs = () => Promise.resolve({});
  // From the engine's events: the SDK would run Pulumi's command line for it.
  let resourceChanges: automation.OpMap | undefined;
  stack.info = () => Promise.resolve({ resourceChanges } as automation.UpdateSummary);
  // The product has stacks of its own, made from this one.
  stack.up = function (this: automation.Stack, options) {
    const onEvent = (event: automation.EngineEvent) => {
      resourceChanges = event.summaryEvent?.resourceChanges ?? resourceChanges;
      options?.onEvent?.(event);
    };
    return asTheProduct((more) => prototype.up.call(this, { ...more, onEvent }), options);
  };
  stack.preview = function (this: automation.Stack, options) {
    return asTheProduct((more) => prototype.preview.call(this, more), options);
  };
  return {
    stack,
    directory,
    program: (program) => (current = program),
    outputs,
    resources: async () => {
      const { deployment } = (await exportState(stack)) as {
        deployment: { resources?: StateResource[] };
      };
      const entries = (deployment.resources ?? []).map((resource) => {
        return [resource.urn.split("::").at(-1) ?? "", resource] as const;
      });
      return Object.fromEntries(entries);
    },
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}
