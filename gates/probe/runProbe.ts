import type { V1Pod } from "@kubernetes/client-node";

import { withCleanup } from "../protocol/cleanup.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import { describePod, nameOf, selectorText } from "../../cluster/kubernetes/objects.js";
import type { System } from "../../migration/rules/natRule.js";
import type { Worker } from "../../migration/situation/target.js";
import type { GateContext } from "../protocol/context.js";
import type { Probe, ProbeResult } from "../protocol/inputs.js";
import { explainPod } from "../nodes/podState.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { probeLabels, probePod, startSeconds } from "./probePod.js";
import {
  explainIdentity,
  explainVerdict,
  parseVerdict,
  whoAnswered,
  type ProbeVerdict,
} from "../../worker/probe/verdict.js";
import { progress } from "../protocol/progress.js";
import { Deadline, waitFor } from "../../cluster/wait.js";

/** What is to be proven: that a pod on that worker gets its role, and gets it from that system. */
export interface Question {
  worker: Worker;
  probe: Probe;
  /** Right credentials from the other system prove nothing. */
  system: System;
}

/** Where a pod asks, and for how long. */
interface Where {
  /** `10.0.0.1:8881`, or metadataService of worker/probe/verdict.ts. */
  address: string;
  seconds: number;
}

/** A pod got its role, but not from the expected system, or it cannot be told from which. */
export class OtherSystemError extends GateError {}

/**
 * Asks for a role from a pod on that worker, and for who answers there.
 *
 * The pod is removed whatever happens; one that an earlier, killed run left is removed first.
 *
 * @throws OtherSystemError when the credentials are right, and who gave them is not
 * @throws GateError when the answer is wrong or none came; it says what was answered
 */
export async function runProbe(cluster: Cluster, args: Question & Where): Promise<ProbeResult> {
  return withProbePod(cluster, args, (ended) => judge(cluster, ended, args));
}

/** Asks at that system's own port on the worker, past all rules. */
export async function askDirectly(
  { cluster, target }: GateContext,
  question: Question,
): Promise<ProbeResult> {
  const port = question.system === "kiam" ? target.kiam.agentPort : target.kube2iam.port;
  const address = `${question.worker.hostIp}:${port}`;
  return runProbe(cluster, { ...question, address, seconds: target.timeoutSeconds });
}

/**
 * Asks from a pod on that worker who answers, whatever it says of roles.
 *
 * @returns who, the same before and after the requests for credentials; undefined where that is
 * not clear, and as text what was answered
 */
export async function askWho(
  cluster: Cluster,
  args: Omit<Question, "system"> & Where,
): Promise<{ who: System | "nobody" | undefined; answers: string }> {
  return withProbePod(cluster, args, (ended) => Promise.resolve(whoAnswered(verdictOf(ended))));
}

async function withProbePod<T>(
  cluster: Cluster,
  { worker: { name: worker }, probe, address, seconds }: Omit<Question, "system"> & Where,
  judge: (ended: V1Pod) => Promise<T>,
): Promise<T> {
  await removeLeftovers(cluster, worker, probe.namespace);
  const created = await cluster.createPod(
    probe.namespace,
    probePod({ worker, probe, baseUrl: `http://${address}`, seconds }),
  );
  return withCleanup(
    () => cluster.deletePod(nameOf(created), 0),
    async () => judge(await waitForEnd(cluster, created, seconds)),
  );
}

async function waitForEnd(cluster: Cluster, created: V1Pod, seconds: number): Promise<V1Pod> {
  const changes = await cluster.changesOf(nameOf(created));
  try {
    const look = await waitFor<V1Pod, V1Pod | undefined>(
      Deadline.after(seconds + startSeconds),
      async () => {
        const pod = await cluster.pod(nameOf(created));
        if (pod === undefined) {
          throw new GateError(`The ${describePod(created)} was deleted before it ended`);
        }
        return hasEnded(pod) ? { done: pod } : { pending: pod };
      },
      changes,
    );
    return "done" in look ? look.done : (look.pending ?? created);
  } finally {
    changes.stop();
  }
}

/**
 * By its container, which is never started again: the pod's phase follows a second later, once
 * the kubelet has taken its network down.
 */
function hasEnded({ status }: V1Pod): boolean {
  const container = status?.containerStatuses?.[0]?.state;
  return (
    container?.terminated !== undefined ||
    status?.phase === "Succeeded" ||
    status?.phase === "Failed"
  );
}

function verdictOf({ status }: V1Pod): ProbeVerdict | undefined {
  return parseVerdict(status?.containerStatuses?.[0]?.state?.terminated?.message?.trim());
}

async function judge(
  cluster: Cluster,
  pod: V1Pod,
  { worker: { name: worker }, probe, address, system, seconds }: Question & Where,
): Promise<ProbeResult> {
  const verdict = verdictOf(pod);
  const where = `node ${worker}, ${describePod(pod)}`;
  const question = { role: probe.role, address, expected: system };
  const identity = verdict === undefined ? undefined : explainIdentity(verdict, question);
  const identityProblems = identity === undefined ? [] : [{ where, ...identity }];
  if (verdict?.verdict === "right" || verdict?.verdict === "unclear") {
    if (identity !== undefined) {
      throw new OtherSystemError(
        `A pod on ${worker} got its role from ${address}, but it is not proven that ${system} gave it`,
        identityProblems,
      );
    }
    progress(
      `${worker}: ${system} at ${address} answered ${verdict.role} ${probe.successes} times in a row (${verdict.attempts} requests in ${verdict.milliseconds} ms)`,
    );
    return {
      worker,
      role: verdict.role,
      answeredBy: system,
      attempts: verdict.attempts,
      milliseconds: verdict.milliseconds,
    };
  }
  const problems: Problem[] =
    verdict === undefined
      ? [
          {
            where,
            what: `the probe gave no verdict within ${Math.round(seconds + startSeconds)} s`,
            why: "what cannot be checked does not count as right",
          },
          ...(await explainPod(cluster, pod)),
        ]
      : [{ where, ...explainVerdict(verdict, question) }];
  // Where credentials failed as well, that it is unclear who was asked explains nothing.
  if (verdict?.before.who !== "unclear") problems.push(...identityProblems);
  problems.push(...(await kiamEvents(cluster, pod)));
  const headline =
    verdict?.verdict === "wrong"
      ? `A pod on ${worker} was given a wrong identity by ${address}`
      : `A pod on ${worker} did not get its role ${probe.role} from ${address}`;
  throw new GateError(headline, problems);
}

/** kiam's server records why it refused a pod as events on that pod. */
async function kiamEvents(cluster: Cluster, pod: V1Pod): Promise<Problem[]> {
  const { namespace } = nameOf(pod);
  const events = await cluster.events(namespace, pod.metadata?.uid ?? "");
  const said = events.filter((event) => event.reason?.startsWith("Kiam"));
  return [...new Set(said.map((event) => event.message ?? ""))].map((message) => ({
    where: "kiam's server about this pod",
    what: message,
    fix: /namespace policy expression/.test(message)
      ? `annotate namespace ${namespace} with iam.amazonaws.com/permitted, such that it matches the role's ARN`
      : undefined,
  }));
}

/** Removes probe pods of that worker that have ended or outlived their own deadline. */
async function removeLeftovers(cluster: Cluster, worker: string, namespace: string): Promise<void> {
  const selector = selectorText({ matchLabels: probeLabels(worker) });
  for (const pod of await cluster.pods(namespace, selector)) {
    const age = Date.now() - new Date(pod.metadata?.creationTimestamp ?? 0).getTime();
    const over =
      pod.status?.phase === "Succeeded" ||
      pod.status?.phase === "Failed" ||
      age > (pod.spec?.activeDeadlineSeconds ?? 0) * 1000;
    if (over) await cluster.deletePod(nameOf(pod), 0);
  }
}
