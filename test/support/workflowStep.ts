import { mkdir, symlink } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";

import { execa } from "execa";
import { parse } from "yaml";

const checkout = resolve(__dirname, "../..");

interface StepInPlace {
  /** Where the step finds Pulumi.yaml, as in a checkout. */
  cwd: string;
  /** What the job and the step's `env` give it. */
  env: Record<string, string>;
}

/**
 * Runs the script of a workflow's step word by word, as a runner does: `bash -e`, and `npx` finds
 * kiam-migrate where `npm ci` would have put it.
 *
 * @param step file below .github/workflows, and name of the step
 */
export async function runWorkflowStep(
  step: { file: string; name: string },
  { cwd, env }: StepInPlace,
) {
  const bin = join(cwd, "node_modules/.bin");
  await mkdir(bin, { recursive: true });
  await symlink(join(checkout, "bin/kiam-migrate.mjs"), join(bin, "kiam-migrate")).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    },
  );
  return execa("bash", ["-e", "-c", scriptOf(step)], {
    cwd,
    env: {
      ...env,
      // The Node.js of the tests, whatever the machine has.
      PATH: [dirname(process.execPath), env.PATH ?? process.env.PATH].join(delimiter),
    },
    reject: false,
  });
}

function scriptOf({ file, name }: { file: string; name: string }): string {
  const workflow = parse(readFileSync(join(checkout, ".github/workflows", file), "utf8")) as {
    jobs: Record<string, { steps: { name?: string; run?: string }[] }>;
  };
  const scripts = Object.values(workflow.jobs)
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.name === name && step.run !== undefined ? [step.run] : []));
  const [script] = scripts;
  if (script === undefined) throw new Error(`${file} has no step ${name} with a script`);
  return script;
}
