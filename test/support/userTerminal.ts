import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

import { execa } from "execa";

import type { Parts } from "../../lab/parts/types.js";
import { providePlugins } from "../../lab/pulumiHome.js";

const checkout = resolve(__dirname, "../..");

/** What a shell answered to a line. */
interface Answer {
  /** Standard output and standard error. */
  all: string;
  exitCode?: number;
}

/** A user of this program: a home directory, and this checkout in it with stacks of their own. */
export interface UserTerminal {
  /** Their checkout. */
  project: string;
  /** Types a line into bash there. */
  type: (line: string, environment?: Record<string, string>) => Promise<Answer>;
  /** The same, where it has to succeed; returns what was printed. */
  typed: (line: string) => Promise<string>;
  dispose: () => Promise<void>;
}

/**
 * Opens one that is logged in to a backend of its own, with the parts of the lab in place of installed
 * ones. Pulumi.yaml and the stacks' files are copies; the program is this checkout's.
 *
 * @param environment how the cluster and AWS are reached
 */
export async function openUserTerminal(
  { engine, plugins }: Pick<Parts, "engine" | "plugins">,
  environment: Record<string, string>,
): Promise<UserTerminal> {
  const home = await mkdtemp(join(tmpdir(), "kiam-user-"));
  const project = join(home, "kube2iam-to-kiam");
  await mkdir(project);
  for (const own of ["Pulumi.yaml", "stacks"]) {
    await cp(join(checkout, own), join(project, own), { recursive: true });
  }
  for (const same of ["index.ts", "gates", "node_modules", "package.json", "tsconfig.json"]) {
    await symlink(join(checkout, same), join(project, same));
  }
  await writeWorkersKey(join(home, ".ssh"));
  await providePlugins(join(home, ".pulumi"), plugins);
  await mkdir(join(home, "state"));

  const type: UserTerminal["type"] = async (line, more = {}) => {
    const { all, exitCode } = await execa("bash", ["-c", line], {
      cwd: project,
      env: {
        ...environment,
        HOME: home,
        PULUMI_HOME: join(home, ".pulumi"),
        PULUMI_CONFIG_PASSPHRASE: "a passphrase of one's own",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PATH: [join(engine.root, "bin"), process.env.PATH ?? ""].join(delimiter),
        ...more,
      },
      all: true,
      reject: false,
      stdin: "ignore",
    });
    return { all, exitCode };
  };
  const typed: UserTerminal["typed"] = async (line) => {
    const { all, exitCode } = await type(line);
    assert.equal(exitCode, 0, `${line}\n${all}`);
    return all;
  };
  await typed(`pulumi login 'file://${join(home, "state")}'`);
  return { project, type, typed, dispose: () => rm(home, { recursive: true, force: true }) };
}

/** The key that the README reads from `~/.ssh/workers_key`. */
async function writeWorkersKey(directory: string): Promise<void> {
  const { privateKey } = generateKeyPairSync("ed25519");
  await mkdir(directory);
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  await writeFile(join(directory, "workers_key"), key, { mode: 0o600 });
}
