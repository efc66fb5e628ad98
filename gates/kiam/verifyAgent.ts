import type { V1Pod } from "@kubernetes/client-node";
import pMap from "p-map";

import { compareText } from "../../migration/text/text.js";
import { mayBeCutOver } from "../../migration/plan/cutoverRecord.js";
import { whyUnclear } from "../../migration/rules/nodeReport.js";
import { describePod, nameOf } from "../../cluster/kubernetes/objects.js";
import type { Worker } from "../../migration/situation/target.js";
import { agentLogProblems } from "./agentLog.js";
import type { NodeRules } from "../../cluster/rules/nodeRules.js";
import {
  distinctProblems,
  GateError,
  problemsOf,
  type Problem,
} from "../../migration/text/problem.js";
import { notInForce } from "../nodes/ruleReport.js";
import { GateContext } from "../protocol/context.js";
import type { Gate, GateOutput } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";
import {
  explainRollout,
  lookAtRollout,
  whileRollingOut,
  type Rollout,
  type UnfinishedRollout,
} from "../nodes/rollout.js";
import { waitFor } from "../../cluster/wait.js";

type InForce = GateOutput<"verify-agent">["workers"][number]["inForce"];

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
  const context = await GateContext.connect(target);
  const name = context.agentName;
  const seconds = target.timeoutSeconds;
  const deadline = context.deadline();

  const rollout = await whileRollingOut(context, name, deadline);
  if (!("done" in rollout)) throw await notOnEveryWorker(context, rollout.pending);

  // Agents that were healthy and had their rule, by node name.
  const right = new Map<string, { run: string; inForce: InForce }>();
  let most = 0;
  let first = true;
  const look = await waitFor<Rollout, UnfinishedRollout | Problem[]>(
    deadline,
    async () => {
      const now = await lookAtRollout(context, name);
      const { pods } = "done" in now ? now.done : now.pending;
      const toAsk = [...pods].filter(([node, pod]) => right.get(node)?.run !== runOf(pod));
      let good = pods.size - toAsk.length;
      const rules = await context.rules();
      const problems = await pMap(
        toAsk,
        async ([node, pod]): Promise<Problem[]> => {
          const found = await lookAtAgent(context, rules, pod);
          if (typeof found !== "string") return found;
          right.set(node, { run: runOf(pod), inForce: found });
          good += 1;
          if (good > most) deadline.renew(seconds);
          most = Math.max(most, good);
          return [];
        },
        { concurrency: 10 },
      );
      if (first) deadline.renew(seconds);
      first = false;
      const all = problems.flat();
      return "pending" in now || all.length === 0 ? now : { pending: all };
    },
    interval,
  );
  if (!("done" in look)) {
    const { pending } = look;
    throw Array.isArray(pending)
      ? new GateError("kiam's agent is not right on every worker", distinctProblems(pending))
      : await notOnEveryWorker(context, pending);
  }
  const workers = [...look.done.pods.keys()].sort(compareText).flatMap((node) => {
    const agent = right.get(node);
    return agent === undefined ? [] : [{ name: node, inForce: agent.inForce }];
  });
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
  context: GateContext,
  unfinished: UnfinishedRollout,
): Promise<GateError> {
  const logs = await Promise.all(unfinished.unready.map((pod) => logProblems(context, pod)));
  return new GateError(
    "kiam's agent does not run on every worker",
    distinctProblems([...(await explainRollout(context, unfinished)), ...logs.flat()]),
  );
}

/** Tells one run of a pod's containers from the next, and from those of another pod. */
function runOf({ metadata, status }: V1Pod): string {
  const restarts = (status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
  return `${metadata?.uid} ${restarts.join(" ")}`;
}

/** @returns which system is in force on its node; where the agent is not right, what is wrong */
async function lookAtAgent(
  context: GateContext,
  rules: NodeRules,
  pod: V1Pod,
): Promise<InForce | Problem[]> {
  const { cluster, target } = context;
  const worker: Worker = { name: pod.spec?.nodeName ?? "", hostIp: pod.status?.hostIP ?? "" };
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
      if (problem !== undefined && (await isMoved(context, worker))) problems.push(problem);
    }
    inForce = report.after.inForce;
  } catch (error) {
    problems.push(...problemsOf(error, describePod(pod)));
  }
  return problems.length === 0 ? inForce : [...problems, ...(await logProblems(context, pod))];
}

/** Whether pods there depend on kiam. */
async function isMoved(context: GateContext, { name }: Worker): Promise<boolean> {
  const node = await context.node(name);
  return node !== undefined && mayBeCutOver(node);
}

/** What an agent's log says, and that of its run before. Only read where something is wrong. */
async function logProblems({ cluster }: GateContext, pod: V1Pod): Promise<Problem[]> {
  const container = pod.spec?.containers[0]?.name ?? "";
  const log = await cluster.log(nameOf(pod), container);
  const before = await cluster.log(nameOf(pod), container, { previous: true });
  return agentLogProblems(log + before, describePod(pod));
}
