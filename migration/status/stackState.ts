import { z } from "zod";

import { stages, type Stage } from "../stages.js";
import { own } from "../text/text.js";

/** What a stack's state says of one resource, as far as it tells how far the migration is. */
export interface StateResource {
  /** Such as `command:local:Command`. */
  type: string;
  name: string;
  /** The components that it is part of, outermost first, such as `WorkerCutover`. */
  within: string[];
  /** What a command was given on standard input; undefined where it is secret, or none was. */
  stdin: string | undefined;
  /** A command's line. */
  create: string | undefined;
  /** When an update last changed it, ISO 8601. */
  modified: string | undefined;
}

/** How far a stack is by its state. */
export interface StackStage {
  /** The last stage whose end is there; undefined before the end of prepare. */
  reached: Stage | undefined;
  /** The last stage of which anything is there. */
  begun: Stage | undefined;
}

/** Which stage a component belongs to; what is not listed is part of prepare. */
const stageOfComponent: Readonly<Partial<Record<string, Stage>>> = {
  KiamServer: "server",
  Kube2iamPreStop: "agent",
  KiamAgent: "agent",
  StartupTaint: "agent",
  WorkerAgent: "agent",
  Fallback: "agent",
  EveryNode: "agent",
  WorkerCutover: "cutover",
  NewNodes: "cutover",
  Kube2iamRetirement: "retire",
};

/**
 * How far a stack is. It is told by what is in the state, which no update takes back: a gate that
 * failed is not there. Prepare has no gate at its end, so its record of kube2iam stands for it.
 */
export function stageOfState(resources: readonly StateResource[]): StackStage {
  const begun = new Set(resources.flatMap((each) => stageOfResource(each) ?? []));
  const names = new Set(resources.map(({ name }) => name));
  const ends: Record<Stage, boolean> = {
    prepare: names.has("kiam-record"),
    server: names.has("kiam-server-verified"),
    agent: names.has("every-node-accounted"),
    cutover: isCutoverWhole(resources, names),
    retire: resources.some(
      ({ type, name }) => type.startsWith("command:") && name === "kube2iam-retirement",
    ),
  };
  const backwards = [...stages].reverse();
  return {
    reached: backwards.find((stage) => ends[stage]),
    begun: backwards.find((stage) => begun.has(stage)),
  };
}

function stageOfResource({ type, within }: StateResource): Stage | undefined {
  // Components, the stack and providers are there before anything is done.
  if (type.startsWith("kube2iam-to-kiam:") || type.startsWith("pulumi:")) return undefined;
  if (!within.includes("ClusterMigration")) return undefined;
  const [stage] = within.flatMap((component) => own(stageOfComponent, component) ?? []);
  return stage ?? "prepare";
}

const accountSchema = z.object({ moved: z.array(z.string()) });

/**
 * Whether every worker that the last account counts as moved is moved. An update that goes back
 * leaves the account as it is, and takes the workers' cutovers away. Where no worker moved, nothing has
 * been proven, and the account reads as at stage agent: settings that select none must not look like a
 * cutover, and a cluster that is scaled to zero has none any more.
 */
function isCutoverWhole(resources: readonly StateResource[], names: ReadonlySet<string>): boolean {
  const account = resources.find(({ name }) => name === "every-node-accounted");
  const moved = movedBy(account?.stdin)
    // A worker that has left the cluster has left the state.
    .filter((worker) => names.has(`${worker}-anchor`));
  return moved.length > 0 && moved.every((worker) => names.has(`${worker}-cutover-live`));
}

function movedBy(account: string | undefined): string[] {
  try {
    return accountSchema.parse(JSON.parse(account ?? "{}")).moved;
  } catch {
    // Of another version of this program: then it tells of none.
    return [];
  }
}
