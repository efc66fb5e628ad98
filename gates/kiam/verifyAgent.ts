import type { V1Pod } from "@kubernetes/client-node";
import pMap from "p-map";

import { compareText } from "../../migration/text/text.js";
import { mayBeCutOver } from "../../migration/plan/cutoverRecord.js";
import { whyUnclear } from "../../migration/rules/nodeReport.js";
import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { Cluster, describePod } from "../../cluster/kubernetes/cluster.js";
import type { Gate, GateOutput } from "../protocol/inputs.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { agentLogProblems } from "./agentLog.js";
import { notInForce } from "../probe/live.js";
import { NodeRules } from "../../cluster/rules/nodeRules.js";
import {
  distinctProblems,
  GateError,
  problemsOf,
  type Problem,
} from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import {
  explainRollout,
  lookAtRollout,
  unplaced,
  whileRollingOut,
  type Rollout,
  type UnfinishedRollout,
} from "../nodes/rollout.js";
import { Deadline, waitFor } from "../../cluster/wait.js";

type InForce = GateOutput<"verify-agent">["workers"][number]["inForce"];

/** An agent that was healthy and had its rule. */
interface RightAgent {
  /** Node name. */
  name: string;
  inForce: InForce;
  /** See {@link runOf}. */
  run: string;
}

/** Milliseconds between two looks. */
const interval = 1500;

/**
 * kiam's agent runs on every worker, reaches its server, and has its rule there.
 *
 * An agent that was right once is not asked again, unless its pod is another by then or has
 * restarted. `target.timeoutSeconds` is no limit for all of them together: it runs from the last
 * time that one more worker had a ready agent, or one more agent was right, and begins only once
 * every agent was asked. So a thousand workers take their time, and one agent that stays wrong
 * ends it that long after the others. Nodes on which nothing can be done are passed over.
 */
export const verifyAgent: Gate<"verify-agent"> = async ({ target }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  const name = { namespace: target.kiam.namespace, name: target.kiam.agentDaemonSet };
  const seconds = target.timeoutSeconds;
  const deadline = Deadline.after(seconds);

  const rollout = await whileRollingOut(cluster, name, { seconds, deadline });
  if (!("done" in rollout)) throw await notOnEveryWorker(cluster, rollout.pending);

  const right = new Map<string, RightAgent>();
  let most = 0;
  let first = true;
  const look = await waitFor<Rollout, { unfinished?: UnfinishedRollout; problems: Problem[] }>(
    deadline,
    async () => {
      const now = await lookAtRollout(cluster, name);
      const { pods } = "done" in now ? now.done : now.pending;
      const toAsk = [...pods].filter(([node, pod]) => right.get(node)?.run !== runOf(pod));
      let good = pods.size - toAsk.length;
      const rules = await NodeRules.read(cluster, target);
      const problems = await pMap(
        toAsk,
        async ([node, pod]): Promise<Problem[]> => {
          const found = await lookAtAgent(cluster, target, rules, pod);
          if ("problems" in found) return found.problems;
          right.set(node, { run: runOf(pod), ...found });
          good += 1;
          if (good > most) deadline.renew(seconds);
          most = Math.max(most, good);
          return [];
        },
        { concurrency: 10 },
      );
      if (first) deadline.renew(seconds);
      first = false;
      if ("pending" in now) return { pending: { unfinished: now.pending, problems: [] } };
      const all = problems.flat();
      return all.length === 0 ? now : { pending: { problems: all } };
    },
    interval,
  );
  if (!("done" in look)) {
    const { unfinished, problems } = look.pending;
    if (unfinished !== undefined) throw await notOnEveryWorker(cluster, unfinished);
    throw new GateError("kiam's agent is not right on every worker", distinctProblems(problems));
  }
  const workers = [...look.done.pods.keys()]
    .sort(compareText)
    .flatMap((node) => right.get(node) ?? [])
    .map(({ name: worker, inForce }) => ({ name: worker, inForce }));
  for (const { name: worker, inForce } of workers) {
    progress(
      `${worker}: agent healthy down to its server, its rule is there, ${inForce} is in force`,
    );
  }
  const { broken } = look.done;
  for (const [node, why] of broken) progress(`${node}: ${why}; its agent is not looked at`);
  progress(
    `${workers.length + broken.size} nodes seen: ${workers.length} with a good agent, ${broken.size} passed over`,
  );
  return { workers, broken: [...broken.keys()] };
};

async function notOnEveryWorker(
  cluster: Cluster,
  unfinished: UnfinishedRollout,
): Promise<GateError> {
  const { daemonSet, missing, unready } = unfinished;
  const logs = await Promise.all(unready.map((pod) => logProblems(cluster, pod)));
  return new GateError(
    "kiam's agent does not run on every worker",
    distinctProblems([
      ...(missing.length === 0 ? [] : await unplaced(cluster, daemonSet, missing, unready)),
      ...(await explainRollout(cluster, unfinished)),
      ...logs.flat(),
    ]),
  );
}

/** Tells one run of a pod's containers from the next, and from those of another pod. */
function runOf({ metadata, status }: V1Pod): string {
  const restarts = (status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
  return `${metadata?.uid} ${restarts.join(" ")}`;
}

async function lookAtAgent(
  cluster: Cluster,
  target: Target,
  rules: NodeRules,
  pod: V1Pod,
): Promise<Pick<RightAgent, "name" | "inForce"> | { problems: Problem[] }> {
  const worker: Worker = {
    name: pod.spec?.nodeName ?? "",
    hostIp: pod.status?.hostIP ?? "",
  };
  const problems: Problem[] = [];
  let inForce: InForce = "unknown";
  try {
    const health = await cluster.exec(
      pod,
      ["wget", "-q", "-O", "-", `http://${worker.hostIp}:${target.kiam.agentPort}/health?deep=1`],
      { timeoutSeconds: 30 },
    );
    if (health.exitCode !== 0) {
      problems.push({
        where: describePod(pod),
        what: `its deep health check fails: ${health.stderr.trim() || health.stdout.trim() || `exit code ${health.exitCode}`}`,
        why: "the agent runs but cannot ask kiam's server for credentials",
        fix: "its log says whether it is DNS, the network between workers and masters, or the certificates",
      });
    }
    const report = await rules.inspect(worker);
    if (report.after.kiam.length === 0) {
      problems.push({
        where: `node ${worker.name}`,
        what:
          whyUnclear(report) ??
          `kiam's rule to ${worker.hostIp}:${target.kiam.agentPort} is not there`,
        why: "it has to be there before kube2iam's goes",
        fix: "the agent inserts it when it starts, with --iptables and HOST_IP set; see its log",
      });
    } else if (report.after.inForce === "unknown") {
      // Where it was not moved yet, its cutover stops for that.
      const problem = notInForce(worker, report, "kiam");
      if (problem !== undefined && (await isMoved(cluster, worker))) problems.push(problem);
    }
    inForce = report.after.inForce;
  } catch (error) {
    problems.push(...problemsOf(error, describePod(pod)));
  }
  if (problems.length === 0) return { name: worker.name, inForce };
  return { problems: [...problems, ...(await logProblems(cluster, pod))] };
}

/** Whether pods there depend on kiam. */
async function isMoved(cluster: Cluster, { name }: Worker): Promise<boolean> {
  const node = await cluster.node(name);
  return node !== undefined && mayBeCutOver(nodeFacts(node));
}

/** What the agent's log, and that of its run before, say; only looked at when something is wrong. */
async function logProblems(cluster: Cluster, pod: V1Pod): Promise<Problem[]> {
  const name = { namespace: pod.metadata?.namespace ?? "", name: pod.metadata?.name ?? "" };
  const container = pod.spec?.containers[0]?.name ?? "";
  const log =
    (await cluster.log(name, container)) + (await cluster.log(name, container, { previous: true }));
  return agentLogProblems(log, describePod(pod));
}
