import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { Cluster, nameOf } from "../cluster.js";
import { lingeringClients, type LingeringClient } from "../connections.js";
import type { CheckedInput, GateOutput, Target, Worker } from "../inputs.js";
import { dangerousPreStop } from "../kube2iamManifest.js";
import { notInForce, proveLive } from "../live.js";
import { NodeRules } from "../nodeRules.js";
import { GateError } from "../problem.js";
import { progress } from "../progress.js";
import { Deadline, waitFor } from "../wait.js";
import { onEachWorker, readWorkers } from "../workers.js";

type Input = CheckedInput<"retire-kube2iam">;

/**
 * Deletes kube2iam's DaemonSet, once nothing depends on it any more, and proves every worker
 * again. Where it is gone already, only the proof is left to do.
 */
export async function retireKube2iam(input: Input): Promise<GateOutput<"retire-kube2iam">> {
  const { target, probe } = input;
  const cluster = await Cluster.connect(target.kubernetes);
  const { present: workers, gone } = await readWorkers(cluster, input.workers);
  const notes = gone.map((name) => `${name} is no longer in the cluster`);
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const daemonSet = await cluster.daemonSet(name);

  if (daemonSet === undefined) {
    progress(`DaemonSet ${name.namespace}/${name.name} is gone already`);
  } else {
    refusePreStop(daemonSet);
    await onEachWorker(workers, "kube2iam is still in use", async (worker) => {
      await requireKiamAlone(await NodeRules.read(cluster, target), worker);
    });
    notes.push(...(await waitForConnections(cluster, workers, input)));
    await deleteDaemonSet(cluster, daemonSet, target);
    progress(`DaemonSet ${name.namespace}/${name.name} and its pods are gone`);
  }
  const probes = await onEachWorker(
    workers,
    "kube2iam is gone, and not every worker is proven to be served by kiam",
    async (worker) => (await proveLive(cluster, { target, worker, probe, system: "kiam" })).result,
  );
  for (const note of notes) progress(note);
  return { deleted: daemonSet !== undefined, probes, notes };
}

function refusePreStop(daemonSet: V1DaemonSet): void {
  const hook = dangerousPreStop(daemonSet);
  if (hook === undefined) return;
  const { namespace, name } = nameOf(daemonSet);
  throw new GateError("kube2iam's preStop hook forbids to delete it; nothing was touched", [
    {
      where: `DaemonSet ${namespace}/${name}`,
      what: `its preStop hook runs: ${hook}`,
      why: "hooks of this kind delete every nat rule for 169.254.169.254, kiam's included: pods would be given the node's own role",
      fix: "remove the hook, with updateStrategy OnDelete so that no pod restarts with the old one, then run again",
    },
  ]);
}

/** kube2iam's rule is nowhere on the worker, and kiam's is in force. */
async function requireKiamAlone(rules: NodeRules, worker: Worker): Promise<void> {
  const report = await rules.inspect(worker);
  const problem = notInForce(worker, report, "kiam");
  if (problem !== undefined) throw new GateError("", [problem]);
  const left = report.after.kube2iam;
  if (left.length > 0) {
    throw new GateError("", [
      {
        where: `node ${worker.name}`,
        what: `kube2iam's rule is there again, behind kiam's (${left.map((rule) => rule.spec).join("; ")})`,
        why: "once kube2iam is gone it would lead nowhere, should kiam's rule ever go",
        fix: "kube2iam's pod was restarted: run the update again, which cuts this worker over anew",
      },
    ]);
  }
}

/** @returns what was left when the operator's choice is to proceed */
async function waitForConnections(
  cluster: Cluster,
  workers: readonly Worker[],
  { target, connections }: Input,
): Promise<string[]> {
  const rules = await NodeRules.read(cluster, target);
  let said = "";
  const look = await waitFor<true, LingeringClient[]>(
    Deadline.after(connections.waitSeconds),
    async () => {
      const left = await lingeringClients(cluster, rules, workers);
      if (left.length === 0) return { done: true };
      const names = left.map(({ client }) => client).join(", ");
      if (names !== said) progress(`connections to kube2iam are still held by ${names}`);
      said = names;
      return { pending: left };
    },
    2000,
  );
  if ("done" in look) return [];
  const clients = look.pending.map(
    ({ worker, client, connections: count }) =>
      `${client} holds ${count} ${count === 1 ? "connection" : "connections"} to kube2iam (${worker})`,
  );
  if (connections.then === "proceed") return clients;
  throw new GateError(
    `Connections to kube2iam are left after ${connections.waitSeconds} s; it was not deleted`,
    look.pending.map(({ worker, client, connections: count }) => ({
      where: `node ${worker}`,
      what: `${client} holds ${count} established ${count === 1 ? "connection" : "connections"} to kube2iam`,
      why: "deleting a nat rule does not touch connections: they would be reset when kube2iam goes",
      fix: "restart that pod, wait longer (retirement.waitSeconds), or accept one reset each (retirement.then: proceed)",
    })),
  );
}

async function deleteDaemonSet(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  target: Target,
): Promise<void> {
  await cluster.deleteDaemonSet(nameOf(daemonSet));
  const look = await waitFor<true, V1Pod[]>(Deadline.after(target.timeoutSeconds), async () => {
    const pods = await cluster.podsOf(daemonSet);
    return pods.length === 0 ? { done: true } : { pending: pods };
  });
  if ("pending" in look) {
    throw new GateError("kube2iam's pods do not go", [
      {
        where: look.pending.map((pod) => nameOf(pod).name).join(", "),
        what: `still there ${target.timeoutSeconds} s after their DaemonSet was deleted`,
        fix: "see why their nodes do not stop them (a node that is not ready keeps its pods)",
      },
    ]);
  }
}
