import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { parseArgs } from "node:util";

import type { Deployment } from "@pulumi/pulumi/automation";

import { shown } from "../../migration/text/shown.js";
import { messageOf } from "../../migration/text/text.js";
import { describeUnderWay, pendingIn, type PendingOperation } from "./pendingOperations.js";

/** With it a program ends that has said what is wrong itself; the engine then adds nothing (cmd/run). */
const alreadySaid = 32;
/** Milliseconds after which the state counts as unreadable. */
const readingTakes = 60_000;

/** The run of the program that the command pulumi asks for. */
interface Run {
  stack: string;
  /** Of Pulumi Cloud; elsewhere it is always the same. */
  organization: string | undefined;
  /** `preview` alone, the one that an update begins with, or the update itself. */
  phase: Phase;
}

type Phase = "preview" | "preview-of-update" | "update";

/**
 * Refuses `pulumi up` where the stack's last update was cut short, and has a preview say so. For the
 * program that the command pulumi runs: what this package runs itself has been looked at before.
 *
 * An update is refused in the preview that it begins with. Once the engine has got as far as the update
 * itself it writes the state at its end, whatever becomes of the program, and drops from it what is
 * pending but creations: nothing would be left to recover from, nor to refuse the next time.
 *
 * @param args what cmd/run of Pulumi's SDK is called with
 */
export function refuseCutShort(args: string[]): void {
  const run = runOf(args);
  if (run === undefined) return;
  const { said, refused } = judge(run, () => exportState(run));
  if (said !== undefined) process.stderr.write(`${shown(said)}\n`);
  if (refused) process.exit(alreadySaid);
}

/** Undefined where it is no run of a program. */
function runOf(args: string[]): Run | undefined {
  const options = {
    stack: { type: "string" },
    organization: { type: "string" },
    "dry-run": { type: "boolean" },
  } as const;
  const { stack, organization, ...flags } = parseArgs({ args, options, strict: false }).values;
  if (typeof stack !== "string") return undefined;
  return {
    stack,
    organization: typeof organization === "string" ? organization : undefined,
    phase:
      flags["dry-run"] !== true
        ? "update"
        : isUpdate(engineCommand())
          ? "preview-of-update"
          : "preview",
  };
}

/** As every backend but Pulumi Cloud calls it. */
const noOrganization = "organization";

/** Not by the SDK: that would take longer to load than to ask, and has no way to be waited for here. */
function exportState({ stack, organization = noOrganization }: Run): Deployment {
  const name = organization === noOrganization ? stack : `${organization}/${stack}`;
  const { error, status, stdout, stderr } = spawnSync(
    "pulumi",
    ["stack", "export", "--stack", name, "--non-interactive"],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: Infinity,
      timeout: readingTakes,
    },
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(stderr.trim());
  return JSON.parse(stdout) as Deployment;
}

/**
 * What is to be said of the last update, and whether this one is refused. A preview may meet an update
 * that runs.
 */
export function judge(
  { stack, phase }: Pick<Run, "stack" | "phase">,
  state: () => Deployment,
): { said?: string; refused: boolean } {
  let pending: PendingOperation[];
  try {
    pending = pendingIn(state());
  } catch (error) {
    const said = `Whether the last update of stack ${stack} was cut short could not be looked at (pulumi stack export --stack ${stack}): ${messageOf(error)}. Pulumi itself warns of what is pending.`;
    return { said, refused: false };
  }
  if (pending.length === 0) return { refused: false };
  const refused = phase !== "preview";
  const recover = `npx kiam-migrate recover --stack ${stack}`;
  const said = [
    phase === "update"
      ? `The last update of stack ${stack} was cut short. Nothing was touched now.`
      : `The last update of stack ${stack} was cut short, or another one is running now.${refused ? " Nothing was touched now." : ""}`,
    ...describeUnderWay(pending),
    ...(phase === "update"
      ? []
      : [`npx kiam-migrate status --stack ${stack} says which of the two.`]),
    `After one that was cut short, recover first: ${recover}. This looks at the workers, and clears what is pending only if each is in a known state. Until then pulumi up is refused.`,
    ...(phase === "update" && pending.some(({ operation }) => operation !== "creating")
      ? [
          "Note down what is no creation: without a preview Pulumi forgets that now, and recover does not find it.",
        ]
      : []),
  ].join("\n");
  return { said, refused };
}

/** Those of the command pulumi that run the program. */
const commands = ["preview", "pre", "up", "update", "destroy", "refresh"];

function isUpdate(words: readonly string[]): boolean {
  const command = words.find((word) => commands.includes(word));
  return command === "up" || command === "update";
}

/** The words of the command pulumi that runs this, by way of the language host; none where it cannot be told. */
function engineCommand(): string[] {
  let pid = process.ppid;
  // A shell may stand between it and the language host.
  for (let generation = 0; generation < 4; generation++) {
    const [parent, file = "", ...words] = processInfo(pid);
    if (parent === undefined) return [];
    if (basename(file) === "pulumi") return words;
    pid = Number(parent);
  }
  return [];
}

/** Of a process its parent's number, and its command line, word by word; nothing where there is no ps. */
function processInfo(pid: number): string[] {
  const { error, stdout } = spawnSync("ps", ["-o", "ppid=,args=", "-p", String(pid)], {
    encoding: "utf8",
  });
  return error === undefined ? stdout.split(/\s+/).filter((word) => word !== "") : [];
}
