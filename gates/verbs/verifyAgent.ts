import type { V1Pod } from "@kubernetes/client-node";
import pMap from "p-map";

import { mayBeCutOver } from "../../migration/cutoverRecord.js";
import { whyUnclear } from "../../migration/nodeReport.js";
import { nodeFacts } from "../../migration/readClusterFacts.js";
import { Cluster, describePod } from "../cluster.js";
import type { CheckedInput, GateOutput, Target, Worker } from "../inputs.js";
import { agentLogProblems } from "../agentLog.js";
import { notInForce } from "../live.js";
import { NodeRules } from "../nodeRules.js";
import { distinctProblems, GateError, problemsOf, type Problem } from "../problem.js";
import { progress } from "../progress.js";
import { explainRollout, unplaced, whileRollingOut } from "../rollout.js";
import { Deadline, waitFor } from "../wait.js";

type InForce = GateOutput<"verify-agent">["workers"][number]["inForce"];

/** Milliseconds between two looks at all workers. */
const interval = 1500;

/** kiam's agent runs on every worker, reaches its server, and has its rule there. */
export async function verifyAgent({
  target,
}: CheckedInput<"verify-agent">): Promise<GateOutput<"verify-agent">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const name = { namespace: target.kiam.namespace, name: target.kiam.agentDaemonSet };
  const deadline = Deadline.after(target.timeoutSeconds);

  const seconds = target.timeoutSeconds;
  const rollout = await whileRollingOut(cluster, name, { seconds, deadline });
  if (!("done" in rollout)) {
    const { daemonSet, missing, unready } = rollout.pending;
    const logs = await Promise.all(unready.map((pod) => logProblems(cluster, pod)));
    throw new GateError(
      "kiam's agent does not run on every worker",
      distinctProblems([
        ...(missing.length === 0 ? [] : await unplaced(cluster, daemonSet, missing, unready)),
        ...(await explainRollout(cluster, rollout.pending)),
        ...logs.flat(),
      ]),
    );
  }
  const pods = [...rollout.done.pods.values()];
  const rules = await NodeRules.read(cluster, target);
  const look = await waitFor<Map<string, InForce>, Problem[]>(
    deadline,
    async () => {
      const seen = new Map<string, InForce>();
      const problems = await pMap(pods, (pod) => lookAtAgent(cluster, target, rules, pod, seen), {
        concurrency: 10,
      });
      const all = problems.flat();
      return all.length === 0 ? { done: seen } : { pending: all };
    },
    interval,
  );
  if (!("done" in look)) {
    throw new GateError(
      "kiam's agent is not right on every worker",
      distinctProblems(look.pending),
    );
  }
  const workers = [...look.done].map(([worker, inForce]) => ({ name: worker, inForce }));
  workers.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name: worker, inForce } of workers) {
    progress(
      `${worker}: agent healthy down to its server, its rule is there, ${inForce} is in force`,
    );
  }
  const { broken } = rollout.done;
  for (const node of broken) progress(`${node} is not Ready: its agent is not looked at`);
  progress(
    `${workers.length + broken.length} nodes seen: ${workers.length} with a good agent, ${broken.length} not Ready`,
  );
  return { workers, broken };
}

async function lookAtAgent(
  cluster: Cluster,
  target: Target,
  rules: NodeRules,
  pod: V1Pod,
  seen: Map<string, InForce>,
): Promise<Problem[]> {
  const worker: Worker = {
    name: pod.spec?.nodeName ?? "",
    hostIp: pod.status?.hostIP ?? "",
  };
  const problems: Problem[] = [];
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
    seen.set(worker.name, report.after.inForce);
  } catch (error) {
    problems.push(...problemsOf(error, describePod(pod)));
  }
  if (problems.length > 0) problems.push(...(await logProblems(cluster, pod)));
  return problems;
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
