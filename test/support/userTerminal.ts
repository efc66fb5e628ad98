import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { execa } from "execa";

import { packageVersion } from "../../lab/parts/context.js";
import type { Parts } from "../../lab/parts/types.js";
import { providePlugins } from "../../lab/pulumiHome.js";
import { makeUserProject } from "./userProject.js";

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

interface TerminalOptions {
  parts: Pick<Parts, "engine" | "plugins">;
  /** How the cluster and AWS are reached. */
  environment: Record<string, string>;
  /** Words before each command, such as those that lead into a network. */
  within?: readonly string[];
  /** What `~/.ssh/workers_key` holds, which the README reads; a key that opens nothing when unset. */
  workersKey?: string;
}

/**
 * Opens one that is logged in to a backend of its own, with the parts of the lab in place of installed
 * ones. Pulumi.yaml and the stacks' files are copies; the program is this checkout's.
 */
export async function openUserTerminal({
  parts,
  environment,
  within = [],
  workersKey = newKey(),
}: TerminalOptions): Promise<UserTerminal> {
  const home = await mkdtemp(join(tmpdir(), "kiam-user-"));
  const project = join(home, "kube2iam-to-kiam");
  await makeUserProject(project);
  await mkdir(join(home, ".ssh"));
  await writeFile(join(home, ".ssh", "workers_key"), workersKey, { mode: 0o600 });
  await providePlugins(join(home, ".pulumi"), parts.plugins);
  // npx puts the npm launcher `pulumi` first on the PATH. It looks here before it downloads.
  const launched = join(home, ".pulumi", "versions", await packageVersion("pulumi"));
  await mkdir(dirname(launched));
  await symlink(parts.engine.root, launched);
  await mkdir(join(home, "state"));

  const type: UserTerminal["type"] = async (line, more = {}) => {
    const [file = "", ...words] = [...within, "bash", "-c", line];
    const { all, exitCode } = await execa(file, words, {
      cwd: project,
      env: {
        ...environment,
        HOME: home,
        PULUMI_HOME: join(home, ".pulumi"),
        PULUMI_CONFIG_PASSPHRASE: "a passphrase of one's own",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PATH: [join(parts.engine.root, "bin"), environment.PATH ?? process.env.PATH ?? ""].join(
          delimiter,
        ),
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

function newKey(): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
