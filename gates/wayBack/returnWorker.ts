import { rehearsalOf } from "../../migration/plan/cutoverRecord.js";
import { parseCredentialRule, type CapturedRule } from "../../migration/rules/natRule.js";
import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { Cluster } from "../../cluster/kubernetes/cluster.js";
import { readRecord, removeRecord, writeRecord } from "../nodes/cutoverRecord.js";
import { restartKube2iam } from "../kube2iam/restart.js";
import { notMeantFor } from "../nodes/placement.js";
import type { CheckedInput, Gate } from "../protocol/inputs.js";
import { type Worker, workerOf } from "../../migration/situation/target.js";
import { proveLive } from "../probe/live.js";
import { NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError, problemsOf } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { unlessLost } from "../nodes/standings.js";

type Input = CheckedInput<"return-worker">;

/**
 * The end of a cutover that is taken back, without SSH: kube2iam's rule comes first again, and
 * kube2iam is proven to answer. The node is looked at as it is now: it may have left, have been
 * replaced under its name, or have another address than at its cutover.
 *
 * A node that cannot be reached is left to kiam, whose agent stays, and is noted as owed: the next
 * update that can reach it brings it back.
 */
export const returnWorker: Gate<"return-worker"> = async (input) => {
  const { target, worker } = input;
  const cluster = await Cluster.connect(target.kubernetes);
  const node = await cluster.node(worker.name);
  if (node === undefined) {
    progress(`${worker.name} is no longer in the cluster; nothing to return`);
    return { returned: false };
  }
  const facts = nodeFacts(node);
  if (brokenBecause(facts) === undefined) {
    const [returned] = await unlessLost(cluster, facts, async () => [
      await bringBack(cluster, input, { ...worker, ...workerOf(facts) }),
    ]);
    if (returned !== undefined) return { returned };
  }
  const last = await cluster.node(worker.name);
  // Of one that has left, or of its successor, nothing is owed.
  if (last?.metadata?.uid !== facts.uid) return { returned: false };
  progress(
    `${worker.name} (${brokenBecause(nodeFacts(last)) ?? "just not Ready"}): kiam goes on serving it; the next update brings it back`,
  );
  const record = await readRecord(cluster, worker.name);
  await writeRecord(cluster, worker.name, {
    returnOwed: new Date().toISOString(),
    ...rehearsalOf(record),
  });
  return { returned: false };
};

/** @returns whether kube2iam's rule had to be put in front */
async function bringBack(
  cluster: Cluster,
  { target, probe, rules: captured }: Input,
  worker: Worker,
): Promise<boolean> {
  const nodeRules = await readWithKube2iam(cluster, target, worker);
  const own = captured.filter((rule) => leadsTo(rule, worker));
  const never = own.length === 0 && nodeRules.pod("kube2iam", worker) === undefined;
  const report = never ? undefined : await nodeRules.inspect(worker);
  const returned = report !== undefined && report.after.inForce !== "kube2iam";
  if (returned) {
    const { kube2iamRule } = report;
    const rules = own.length > 0 || kube2iamRule === null ? own : [kube2iamRule];
    const problems = reportProblemsOf(worker, await nodeRules.restore(worker, rules));
    if (problems.length > 0) {
      throw new GateError(`kube2iam's rule is not in front on ${worker.name}`, problems);
    }
    await proveOrStay(cluster, { target, probe, worker, nodeRules });
    progress(`${worker.name}: served by kube2iam again`);
  }
  await removeRecord(cluster, worker.name);
  return returned;
}

/** Once kube2iam's pod is there, where its DaemonSet is meant for the node: it may just be starting. */
async function readWithKube2iam(
  cluster: Cluster,
  target: Input["target"],
  worker: Worker,
): Promise<NodeRules> {
  const rules = await NodeRules.read(cluster, target);
  if (rules.pod("kube2iam", worker) !== undefined) return rules;
  const { namespace, daemonSet: name } = target.kube2iam;
  const [daemonSet, node] = await Promise.all([
    cluster.daemonSet({ namespace, name }),
    cluster.node(worker.name),
  ]);
  const spec = daemonSet?.spec?.template.spec;
  if (daemonSet === undefined || spec === undefined || node === undefined) return rules;
  if (notMeantFor(spec, node) !== undefined) return rules;
  await restartKube2iam(cluster, daemonSet, { target, worker, old: undefined });
  return NodeRules.read(cluster, target);
}

/** kiam served until a moment ago: where kube2iam cannot be proven to, it does again. */
async function proveOrStay(
  cluster: Cluster,
  {
    target,
    probe,
    worker,
    nodeRules,
  }: Pick<Input, "target" | "probe"> & { worker: Worker; nodeRules: NodeRules },
): Promise<void> {
  try {
    await proveLive(cluster, { target, worker, probe, system: "kube2iam" });
  } catch (error) {
    const left = reportProblemsOf(worker, await nodeRules.remove(worker, "kube2iam"));
    throw new GateError(
      left.length === 0
        ? `kube2iam does not serve ${worker.name}, which stays on kiam`
        : `kube2iam does not serve ${worker.name}, and its rule could not be removed again: look at this worker now`,
      [...problemsOf(error, `node ${worker.name}`), ...left],
      { cause: error },
    );
  }
}

/** Whether a rule was captured on this very node: one of a node that it replaced leads elsewhere. */
function leadsTo({ spec }: CapturedRule, { hostIp }: Worker): boolean {
  return parseCredentialRule(spec)?.address === hostIp;
}
