import { describePod } from "../../cluster/kubernetes/objects.js";
import type { Worker } from "../../migration/situation/target.js";
import { kube2iamClients } from "../../migration/rules/nodeReport.js";
import type { NodeRules } from "../../cluster/rules/nodeRules.js";
import { GateError } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { unlessGone } from "../nodes/standings.js";
import { refuseWhereStopAsked } from "../protocol/stop.js";
import type { GateContext } from "../protocol/context.js";
import type { CheckedInput } from "../protocol/inputs.js";
import { Deadline, waitFor } from "../../cluster/wait.js";
import { onEachWorker } from "../protocol/workers.js";

/** Milliseconds between two looks at connections. */
const interval = 2000;

/** A client that still holds established connections to kube2iam on a worker. */
export interface LingeringClient {
  worker: string;
  /** The pod by name where its address tells it, else the address. */
  client: string;
  connections: number;
}

/**
 * How long to wait for the last connection, and what to do when some are left then: `retirement` of
 * migration/settings/schema.ts, with its defaults.
 */
export type ConnectionLimit = CheckedInput<"retire-kube2iam">["connections"];

/**
 * Waits until no client holds a connection to kube2iam on these workers any more. A worker without
 * connections is not looked at again: without a rule to kube2iam no new one comes.
 *
 * @returns the clients that still hold some, where the limit says to proceed then
 * @throws GateError that names them, where it says to stop; StopAskedError
 */
export async function waitForConnections(
  context: GateContext,
  workers: readonly Worker[],
  { waitSeconds, then }: ConnectionLimit,
): Promise<LingeringClient[]> {
  const rules = await context.rules();
  let watched = workers;
  let said = "";
  const look = await waitFor<true, LingeringClient[]>(
    Deadline.after(waitSeconds),
    async () => {
      // Of these workers nothing has gone yet.
      refuseWhereStopAsked();
      const left = await lingeringClients(context, rules, watched);
      if (left.length === 0) return { done: true };
      watched = watched.filter(({ name }) => left.some(({ worker }) => worker === name));
      const names = left.map(({ client }) => client).join(", ");
      if (names !== said) progress(`connections to kube2iam are still held by ${names}`);
      said = names;
      return { pending: left };
    },
    interval,
  );
  if ("done" in look) return [];
  if (then === "proceed") return look.pending;
  throw new GateError(
    `Connections to kube2iam are left after ${waitSeconds} s; it was not deleted`,
    look.pending.map((each) => ({
      where: `node ${each.worker}`,
      what: describeClient(each),
      why: "deleting a nat rule does not touch connections: they would be reset when kube2iam goes",
      fix: "restart that pod, wait longer (retirement.waitSeconds), let idle ones be closed (retirement.closeIdleSeconds), or have them closed (retirement.then: proceed)",
    })),
  );
}

export function describeClient({ client, connections }: LingeringClient): string {
  return `${client} holds ${connections} established ${connections === 1 ? "connection" : "connections"} to kube2iam`;
}

/**
 * Established connections to kube2iam's port on each worker, by client. Deleting a nat rule does
 * not touch them.
 */
async function lingeringClients(
  context: GateContext,
  rules: NodeRules,
  workers: readonly Worker[],
): Promise<LingeringClient[]> {
  const held = await onEachWorker(workers, "Connections to kube2iam cannot be counted", (worker) =>
    unlessGone(context, worker, async () => {
      const counts = kube2iamClients(await rules.inspect(worker), worker.hostIp);
      const { name } = worker;
      return [...counts].map(([client, connections]) => ({ worker: name, client, connections }));
    }),
  );
  const clients = held.flat();
  if (clients.length === 0) return [];
  const pods = new Map(
    (await context.cluster.allPods("status.phase=Running"))
      .filter((pod) => !pod.spec?.hostNetwork)
      .map((pod) => [pod.status?.podIP ?? "", describePod(pod)]),
  );
  return clients.map((each) => ({ ...each, client: pods.get(each.client) ?? each.client }));
}
