/** Running a Pulumi program, by @pulumi/pulumi's own cmd/run. */
import { createRequire } from "node:module";
import { join } from "node:path";

import * as pb from "@pulumi/pulumi/proto/language_pb.js";
import { execa, parseCommandString } from "execa";
import { z } from "zod";

/** With this status cmd/run says that it has told the user what is wrong. */
const ALREADY_SAID = 32;
/** How long a program that is asked to stop may take, in milliseconds. */
const STOPPING_TAKES = 5_000;

/** Below `runtime.options` in Pulumi.yaml. */
const runtimeOptions = z.object({
  typescript: z.boolean().default(true),
  tsconfig: z.string().optional(),
  nodeargs: z
    .string()
    .regex(/^[^'"]*$/, "quotes are more than this stand-in reads; leave them out")
    .default(""),
});

/**
 * Runs the program that the engine asks for until it ends.
 *
 * @param engine host:port to which the program sends log messages
 * @param cancelSignal has the program stop, as Ctrl-C does
 */
export async function runProgram(
  request: pb.RunRequest,
  engine: string,
  cancelSignal: AbortSignal,
): Promise<pb.RunResponse> {
  const info = request.getInfo() ?? new pb.ProgramInfo();
  const options = runtimeOptions.safeParse(info.getOptions()?.toJavaScript() ?? {});
  if (!options.success) {
    return failed(`runtime.options in Pulumi.yaml: ${z.prettifyError(options.error)}`);
  }
  if (request.getAttachDebugger()) {
    return failed("The stand-in for Pulumi's Node.js language host attaches no debugger.");
  }
  const run = locate("@pulumi/pulumi/cmd/run", info.getProgramDirectory());
  if (run === undefined) {
    return failed("It looks like the Pulumi SDK has not been installed. Have you run npm ci?");
  }
  const nodeArguments = parseCommandString(options.data.nodeargs);
  const { exitCode, code, shortMessage } = await execa(
    "node",
    [...nodeArguments, run, ...runArguments(request, engine)],
    {
      env: programEnvironment(request, options.data),
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      reject: false,
      cancelSignal,
      killSignal: "SIGINT",
      forceKillAfterDelay: STOPPING_TAKES,
    },
  );
  if (exitCode === 0) return new pb.RunResponse();
  if (exitCode === ALREADY_SAID) return new pb.RunResponse().setBail(true);
  if (code === "ENOENT") return failed("could not find node on the $PATH");
  if (exitCode === undefined) return failed(`Program ended: ${shortMessage}`);
  return failed(`Program exited with non-zero exit code: ${exitCode}`);
}

function failed(error: string): pb.RunResponse {
  return new pb.RunResponse().setError(error);
}

/** The file of a module, as a program in that directory would load it. */
function locate(module: string, directory: string): string | undefined {
  try {
    return createRequire(join(directory, "package.json")).resolve(module);
  } catch {
    return undefined;
  }
}

/** What cmd/run is called with; flags without a value are left out. */
function runArguments(request: pb.RunRequest, engine: string): string[] {
  const info = request.getInfo() ?? new pb.ProgramInfo();
  const flags = {
    monitor: request.getMonitorAddress(),
    engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    "root-directory": info.getRootDirectory(),
    stack: request.getStack(),
    pwd: info.getProgramDirectory(),
    parallel: String(request.getParallel()),
  };
  return [
    ...Object.entries(flags).flatMap(([flag, value]) => (value === "" ? [] : [`--${flag}`, value])),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info.getEntryPoint(),
    ...request.getArgsList(),
  ];
}

/** The stack's configuration, and how TypeScript is loaded: cmd/run takes both from here. */
function programEnvironment(
  request: pb.RunRequest,
  { typescript, tsconfig }: z.infer<typeof runtimeOptions>,
): Record<string, string> {
  const entries = request.getConfigMap().getEntryList();
  const config = Object.fromEntries(entries.map(([key, value]) => [runtimeKey(key), value]));
  return {
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    ...(typescript && { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(tsconfig !== undefined && { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig }),
  };
}

/** As the official host passes a key on: `project:config:key`, where the engine says `project:key`. */
function runtimeKey(key: string): string {
  const words = key.split(":");
  return `${words[0] ?? ""}:config:${words.at(-1) ?? ""}`;
}
