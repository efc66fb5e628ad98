import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";

/*
 * npx puts node_modules/.bin first on the PATH. There the npm package `pulumi` has a command of that
 * name which fetches the real one, of a version of its own: it would hide the one that is installed.
 */

/** From now on this process and what it starts use the pulumi that is installed, where there is one. */
export function useInstalledPulumi(env: NodeJS.ProcessEnv = process.env): void {
  if (env.PATH !== undefined) env.PATH = pathWithInstalledPulumi(env.PATH);
}

/**
 * A PATH on which the pulumi that is installed goes before the one in node_modules; as it is where
 * there is only one of them.
 *
 * @param node directory of the Node.js that runs this: the program's gates get no other one
 */
export function pathWithInstalledPulumi(
  path: string,
  node: string = dirname(process.execPath),
): string {
  const first = findPulumi(path);
  if (first === undefined || !isOfNpx(first)) return path;
  const installed = pulumisOf(path).find((file) => !isOfNpx(file));
  if (installed === undefined) return path;
  const directory = dirname(installed);
  const front = isProgram(join(node, "pulumi")) ? [directory, node] : [node, directory];
  return [...front, path].join(delimiter);
}

/** The pulumi that the PATH leads to; undefined where there is none. */
export function findPulumi(path: string | undefined = process.env.PATH): string | undefined {
  return pulumisOf(path)[0];
}

/** Whether it is the npm package's command, which fetches the real one when it is first used. */
export function isLauncher(file: string): boolean {
  return /[\\/]node_modules[\\/]pulumi[\\/]/.test(realpathSync(file));
}

function pulumisOf(path = ""): string[] {
  return path
    .split(delimiter)
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, "pulumi"))
    .filter(isProgram);
}

/** In any node_modules/.bin above the working directory: npx adds each of them. */
function isOfNpx(file: string): boolean {
  const directory = dirname(file);
  return basename(directory) === ".bin" && basename(dirname(directory)) === "node_modules";
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
