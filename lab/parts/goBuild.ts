import { execa } from "execa";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "../../automation/progress.js";
import { digest, exists, goSources, publish } from "./cache.js";

/** Programs of one Go module, built together. */
export interface GoBuild {
  /** Names the build in the cache and to people. */
  name: string;
  /** The module's directory, with go.mod and go.sum. */
  directory: string;
  /** What to build; each becomes a program named after the last element of its path. */
  packages: readonly string[];
  /** For a single package: the program's name, where it is not to be the package's. */
  program?: string;
  /** Variables set at link time: import path and name → value. */
  variables?: Readonly<Record<string, string>>;
}

/** Where a build is, or would be, in the cache. The name changes with anything that changes the build. */
export async function buildPath(build: GoBuild, cache: string): Promise<string> {
  const key = digest({
    ...(await goSources(build.directory)),
    "go version": await goVersion(build.directory),
    arguments: JSON.stringify(buildArguments(build)),
  });
  return join(cache, "builds", `${build.name}-${key}`);
}

/** Whether {@link buildGo} would have nothing to do. False where there is no Go to ask. */
export async function isBuilt(build: GoBuild, cache: string): Promise<boolean> {
  return buildPath(build, cache).then(exists, () => false);
}

/**
 * Builds static programs from the modules that go.sum pins, once: the result lies in the cache.
 *
 * @param finish completes what was built (links to it, say) before it is published
 * @returns the directory that holds bin/<program>
 */
export async function buildGo(
  build: GoBuild,
  cache: string,
  progress: Progress,
  finish: (bin: string) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const target = await buildPath(build, cache);
  if (await exists(target)) return target;
  return progress.run(`Building ${build.name} from its Go modules`, (step) =>
    publish(target, async (staging) => {
      const bin = join(staging, "bin");
      // The directory must exist for go to put several programs into it.
      await mkdir(bin, { recursive: true });
      const output = build.program ? join(bin, build.program) : `${bin}/`;
      const go = execa("go", ["build", "-v", "-o", output, ...buildArguments(build)], {
        cwd: build.directory,
        env: GO_ENVIRONMENT,
        stdin: "ignore",
        all: true,
        reject: false,
      });
      let downloaded = 0;
      let compiled = 0;
      const errors: string[] = [];
      for await (const line of go.iterable({ from: "stderr" })) {
        if (line.startsWith("go: downloading ")) downloaded++;
        else if (/^[\w.~-]+(\/[\w.~-]+)*$/.test(line)) compiled++;
        else errors.push(line);
        step.update(`${downloaded} modules downloaded, ${compiled} packages compiled`);
      }
      const result = await go;
      if (result.failed) {
        throw new Error(
          `go build of ${build.name} in ${build.directory} failed (${result.shortMessage}):\n` +
            errors.slice(-20).join("\n"),
        );
      }
      await finish(bin);
    }),
  );
}

/** What is settled here and not by the user's own Go environment. */
const GO_ENVIRONMENT = { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOWORK: "off" };

function buildArguments(build: GoBuild): string[] {
  const settings = Object.entries(build.variables ?? {}).map(
    ([name, value]) => `-X ${name}=${value}`,
  );
  // -trimpath and -buildvcs=false: the same binary wherever the checkout lies and whatever its state.
  return [
    "-trimpath",
    "-buildvcs=false",
    `-ldflags=${["-s", "-w", ...settings].join(" ")}`,
    ...build.packages,
  ];
}

/** The toolchain that would build this module: an older Go fetches the one that go.mod asks for. */
async function goVersion(directory: string): Promise<string> {
  const result = await execa("go", ["env", "GOVERSION", "GOOS", "GOARCH"], {
    cwd: directory,
    env: GO_ENVIRONMENT,
    reject: false,
  });
  if (result.exitCode === 0) return result.stdout;
  throw new Error(
    "Go 1.26 or newer is needed to build the lab's parts, and `go env` did not work " +
      `(${result.shortMessage}). Install it from https://go.dev/dl/ and put it on PATH.`,
  );
}
