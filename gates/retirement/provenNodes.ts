import { isProven } from "../../migration/plan/cutoverRecord.js";
import {
  brokenBecause,
  isProvenNow,
  notReadyBecause,
  type NodeStanding,
} from "../../migration/situation/nodeStandings.js";
import { type Worker, workerOf } from "../../migration/situation/target.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { count, someOf } from "../../migration/text/text.js";
import { readStandings } from "../nodes/standings.js";
import type { GateContext } from "../protocol/context.js";
import type { CheckedInput } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";

/*
 * Which nodes let kube2iam go. They are listed anew each time: a list that an earlier plan made
 * knows nothing of nodes that have joined since.
 */

type Input = Pick<CheckedInput<"retire-kube2iam">, "manifest" | "outside">;

/**
 * @returns the nodes with an agent, every one of them proven
 * @throws GateError that names every node that is not proven, and what to do about it
 */
export async function provenWorkers(context: GateContext, input: Input): Promise<Worker[]> {
  const standings = await readStandings(context, { manifest: input.manifest, applications: true });
  refuseUnproven(standings, input);
  const workers = standings.filter((node) => node.agent);
  progress(
    `${count(standings.length, "node")} seen: ${workers.length} proven on kiam, ${standings.length - workers.length} left out by name`,
  );
  return workers.map(workerOf);
}

/** Where kube2iam is gone already, a node that cannot be asked loses nothing: it is named. */
export async function reachableWorkers(context: GateContext, input: Input): Promise<Worker[]> {
  const standings = await readStandings(context, { manifest: input.manifest, applications: false });
  const proven = standings.filter((node) => {
    const problem = unproven(node, input);
    if (problem !== undefined) progress(`${node.name}: ${problem.what}; not proven now`);
    return problem === undefined && node.agent;
  });
  return proven.map(workerOf);
}

/**
 * Once the DaemonSet is gone: no node that still has a pod of kube2iam depends on it. One that
 * joined without kube2iam does not either.
 */
export async function requireProven(context: GateContext, input: Input): Promise<void> {
  const standings = await readStandings(context, { manifest: input.manifest, applications: false });
  refuseUnproven(
    standings.filter((node) => node.kube2iam),
    input,
  );
}

/** Nodes that joined after the DaemonSet was gone never had kube2iam, and are not proven yet. */
export async function joinedMeanwhile(
  context: GateContext,
  { manifest }: Input,
  workers: readonly Worker[],
): Promise<string[]> {
  return (await readStandings(context, { manifest, applications: false }))
    .filter(({ name }) => !workers.some((worker) => worker.name === name))
    .map(({ name }) => `${name} joined meanwhile, without kube2iam; the next update proves it`);
}

function refuseUnproven(standings: readonly NodeStanding[], input: Input): void {
  const problems = standings.flatMap((node): Problem[] => {
    const problem = unproven(node, input);
    return problem === undefined ? [] : [{ where: `node ${node.name}`, ...problem }];
  });
  if (problems.length === 0) return;
  throw new GateError(
    `kube2iam stays: ${problems.length} of ${count(standings.length, "node")} would lose their credentials`,
    problems,
  );
}

/** Why kube2iam may not go from a node, or from any as long as this one is so; undefined where it may. */
function unproven(node: NodeStanding, { outside }: Input): Omit<Problem, "where"> | undefined {
  const { agent, kube2iam, asking, record } = node;
  const broken = brokenBecause(node);
  if (!agent && !isProven(record)) {
    if (outside.includes(node.name)) {
      // Its pod would not go, and the retirement would wait for it in vain.
      const notReady = kube2iam ? notReadyBecause(node) : undefined;
      const fix = "mend it, or delete it from the cluster, then run the update again";
      return notReady === undefined ? undefined : { what: notReady, fix };
    }
    const has = kube2iam ? ["kube2iam runs there"] : [];
    if (asking.length > 0) {
      has.push(`${count(asking.length, "pod")} there ask for a role (${someOf(asking)})`);
    }
    return {
      what: `it has no agent of kiam, and ${has.join("; ")}`,
      why: "no one supplies roles there once kube2iam is gone",
      fix: "let workers.selector or workers.list match it and run an update at stage cutover, or acknowledge node-outside-workers for it",
    };
  }
  if (broken !== undefined) {
    return {
      what: broken,
      why: "who serves its pods cannot be seen",
      fix: `mend it, or, if it is gone for good: kubectl delete node ${node.name}; then run the update again`,
    };
  }
  if (!agent) {
    return {
      what: "it was moved to kiam, and no agent runs there",
      why: "its pods are refused",
      fix: "see why kiam's DaemonSet has no pod there",
    };
  }
  if (isProvenNow(node)) return undefined;
  return {
    what:
      record === undefined
        ? "it has not been moved: it joined after the last update made its plan"
        : "its move to kiam is not proven as it is now (it was undone, or the node has rebooted since)",
    why: "its pods may be served by kube2iam",
    fix: "run the update again: it moves this node first",
  };
}
