import { execa } from "execa";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { digest, publish } from "./cache.js";
import { type Context } from "./context.js";
import type { Found } from "./search.js";
import { reportedVersion } from "./version.js";
import { CHECKOUT } from "../paths.js";

const REQUIREMENTS = join(CHECKOUT, "lab", "aws", "requirements.txt");
/** Prints the version; fails where the module is missing that puts pip into a new environment. */
const CAN_MAKE_ENVIRONMENTS = "import sys, venv, ensurepip; print(sys.version.split()[0])";

/**
 * A Python that can make virtual environments, and its version. The first on PATH may be one that a
 * version manager put there; the distribution's own is asked next.
 */
export async function basePython(): Promise<{ path: string; version: string } | undefined> {
  for (const path of ["python3", "/usr/bin/python3"]) {
    const result = await execa(path, ["-c", CAN_MAKE_ENVIRONMENTS], { reject: false });
    if (result.exitCode === 0) return { path, version: result.stdout.trim() };
  }
  return undefined;
}

/**
 * The Python environment with moto, as requirements.txt pins it, from the Python package index;
 * made once for each content of that file and each Python.
 *
 * The value is the environment's interpreter.
 */
export async function pythonEnvironment(context: Context): Promise<Found<string>> {
  const base = await basePython();
  if (!base) throw new Error("python3 with its venv module is needed (Debian: python3-venv)");
  const requirements = await readFile(REQUIREMENTS);
  const name = `moto-${digest({ requirements, version: base.version, path: base.path })}`;
  const target = join(context.cache, "python", name);
  await publish(target, (staging) =>
    context.progress.run("Installing moto into a Python environment", async (step) => {
      await execa(base.path, ["-m", "venv", staging]);
      const python = join(staging, "bin", "python");
      // What is pinned is complete: nothing is to be resolved.
      const pip = execa(
        python,
        [
          "-m",
          "pip",
          "install",
          "--disable-pip-version-check",
          "--no-input",
          "--no-deps",
          "-r",
          REQUIREMENTS,
        ],
        { stdin: "ignore", reject: false, all: true },
      );
      for await (const line of pip.iterable({ from: "stdout" }))
        step.update(line.trim().slice(0, 60));
      const result = await pip;
      if (result.failed)
        throw new Error(`pip could not install moto:\n${result.all?.slice(-2000)}`);
    }),
  );
  const python = join(target, "bin", "python");
  const version = await reportedVersion(
    python,
    ["-c", "import importlib.metadata as m; print('moto', m.version('moto'))"],
    /^moto (\S+)$/m,
  );
  return { value: python, version, note: `PyPI, on Python ${base.version}` };
}
