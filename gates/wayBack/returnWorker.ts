import { rehearsalOf } from "../../migration/plan/cutoverRecord.js";
import { parseCredentialRule, type CapturedRule } from "../../migration/rules/natRule.js";
import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import { changeRecord, removeRecord } from "../nodes/cutoverRecord.js";
import { restartKube2iam } from "../kube2iam/pods.js";
import { notMeantFor } from "../nodes/placement.js";
import { requireDone } from "../nodes/ruleReport.js";
import { GateContext } from "../protocol/context.js";
import type { CheckedInput, Gate } from "../protocol/inputs.js";
import { type Worker, workerOf } from "../../migration/situation/target.js";
import { proveLive } from "../probe/live.js";
import type { Question } from "../probe/runProbe.js";
import { type NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError, problemsOf } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { refuseWhereStopAsked } from "../protocol/stop.js";
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
  refuseWhereStopAsked();
  const { worker } = input;
  const context = await GateContext.connect(input.target);
  const node = await context.node(worker.name);
  if (node === undefined) {
    progress(`${worker.name} is no longer in the cluster; nothing to return`);
    return { returned: false };
  }
  if (brokenBecause(node) === undefined) {
    const [returned] = await unlessLost(context, node, async () => [
      await bringBack(context, input, { ...worker, ...workerOf(node) }),
    ]);
    if (returned !== undefined) return { returned };
  }
  const last = await context.node(worker.name);
  // Of one that has left, or of its successor, nothing is owed.
  if (last?.uid !== node.uid) return { returned: false };
  progress(
    `${worker.name} (${brokenBecause(last) ?? "just not Ready"}): kiam goes on serving it; the next update brings it back`,
  );
  await changeRecord(context, worker.name, (record) => ({
    returnOwed: new Date().toISOString(),
    ...rehearsalOf(record),
  }));
  return { returned: false };
};

/** @returns whether kube2iam's rule had to be put in front */
async function bringBack(
  context: GateContext,
  { probe, rules: captured }: Input,
  worker: Worker,
): Promise<boolean> {
  const nodeRules = await readWithKube2iam(context, worker);
  const own = captured.filter((rule) => leadsTo(rule, worker));
  const never = own.length === 0 && nodeRules.pod("kube2iam", worker) === undefined;
  const report = never ? undefined : await nodeRules.inspect(worker);
  const returned = report !== undefined && report.after.inForce !== "kube2iam";
  if (returned) {
    const { kube2iamRule } = report;
    const rules = own.length > 0 || kube2iamRule === null ? own : [kube2iamRule];
    const restored = await nodeRules.restore(worker, rules);
    requireDone(worker, restored, `kube2iam's rule is not in front on ${worker.name}`);
    await proveOrStay(context, { worker, probe, system: "kube2iam" }, nodeRules);
    progress(`${worker.name}: served by kube2iam again`);
  }
  await removeRecord(context, worker.name);
  return returned;
}

/** Once kube2iam's pod is there, where its DaemonSet is meant for the node: it may just be starting. */
async function readWithKube2iam(context: GateContext, worker: Worker): Promise<NodeRules> {
  const rules = await context.rules();
  if (rules.pod("kube2iam", worker) !== undefined) return rules;
  const [daemonSet, node] = await Promise.all([context.kube2iam(), context.node(worker.name)]);
  const spec = daemonSet?.spec?.template.spec;
  if (daemonSet === undefined || spec === undefined || node === undefined) return rules;
  if (notMeantFor(spec, node) !== undefined) return rules;
  await restartKube2iam(context, daemonSet, worker, undefined);
  return context.rules();
}

/** kiam served until a moment ago: where kube2iam cannot be proven to, it does again. */
async function proveOrStay(
  context: GateContext,
  question: Question,
  nodeRules: NodeRules,
): Promise<void> {
  const { worker } = question;
  try {
    await proveLive(context, question);
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
