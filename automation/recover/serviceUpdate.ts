import type { Deployment, Stack } from "@pulumi/pulumi/automation";
import { z } from "zod";

import { cancelCommand } from "../../migration/move/outcome.js";
import type { ReadableStack } from "../stack/readableStack.js";
import { runPulumi } from "../stack/runPulumi.js";

/** The update that Pulumi Cloud, or a service like it, has in progress on a stack. */
export interface ServiceUpdate {
  /** Such as `update` or `destroy`. */
  kind: string;
  by: string;
  /** In words, such as `3 minutes ago`. */
  begun: string;
}

/**
 * The update that the service has in progress; undefined where it has none. Changes nothing. It names no
 * process: one whose engine was killed stays in progress until its lease runs out, or `pulumi cancel`.
 */
export async function updateInProgress(stack: ReadableStack): Promise<ServiceUpdate | undefined> {
  const said = await runPulumi(stack.workspace, ["stack", "--stack", stack.name]);
  const form = /^ +(\S+) in progress:\n\s+Started: (.*)\n\s+Requested By: (.*)$/m;
  const [, kind = "", begun = "", by = ""] = form.exec(said) ?? [];
  // A preview keeps nobody from updating.
  return kind === "" || kind === "Preview" ? undefined : { kind: kind.toLowerCase(), by, begun };
}

/** Whose update it is, and what to do about it; two lines. */
export function describeServiceUpdate(
  stackName: string,
  { kind, by, begun }: ServiceUpdate,
): string {
  return `  ${kind} by ${by}, begun ${begun}\n    Wait while it runs: whether it does can't be told from here. If its engine was killed, the service takes it for running until its lease has run out, which takes minutes. To end it sooner, and only if no engine works on it any more: ${cancelCommand(stackName)}. Then recover.`;
}

const historySchema = z.array(
  z.object({ version: z.number().int(), kind: z.string(), result: z.string().optional() }),
);

/** An update that the service has on record. */
type PastUpdate = z.output<typeof historySchema>[number];

/** The last updates that are over, the newest first. */
export async function lastUpdates({ name, workspace }: ReadableStack): Promise<PastUpdate[]> {
  const words = ["stack", "history", "--json", "--page-size", "10", "--page", "1"];
  const history = JSON.parse(await runPulumi(workspace, [...words, "--stack", name])) as unknown;
  return historySchema.parse(history).filter(({ result }) => result !== "in-progress");
}

/**
 * Imports a state, unless an update has come in between: the service refuses an import only while an
 * update is in progress, and takes one that is older than what it has. Where that is seen only after
 * the import, what the update had written is put back.
 *
 * @param since the last updates when the state was read, or before
 * @returns false where an update had come in between: then its state is there
 */
export async function importUnlessOvertaken(
  stack: Stack,
  state: Deployment,
  since: readonly PastUpdate[],
): Promise<boolean> {
  const version = since[0]?.version ?? 0;
  const newer = async () => (await lastUpdates(stack)).filter((each) => each.version > version);
  if ((await newer()).length > 0) return false;
  await stack.importStack(state);
  const [own, lost] = await newer();
  if (lost === undefined || own?.kind !== "import") return true;
  const words = ["stack", "export", "--version", String(lost.version), "--stack", stack.name];
  await stack.importStack(JSON.parse(await runPulumi(stack.workspace, words)) as Deployment);
  return false;
}
