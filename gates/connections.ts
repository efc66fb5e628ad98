import type { Cluster } from "./cluster.js";
import { describePod } from "./cluster.js";
import type { Worker } from "./inputs.js";
import type { NodeRules } from "./nodeRules.js";

/** Whoever still holds an established connection to kube2iam on a worker. */
export interface LingeringClient {
  worker: string;
  /** The pod by name where its address tells it, else the address. */
  client: string;
  connections: number;
}

/**
 * Established connections to kube2iam's port on each worker, by client. Deleting a nat rule does
 * not touch them. The worker's own (health checks) do not count.
 */
export async function lingeringClients(
  cluster: Cluster,
  rules: NodeRules,
  workers: readonly Worker[],
): Promise<LingeringClient[]> {
  const counts = new Map<string, { worker: string; address: string; connections: number }>();
  for (const worker of workers) {
    const report = await rules.inspect(worker);
    for (const { address } of report.kube2iamConnections) {
      if (address === worker.hostIp || address.startsWith("127.")) continue;
      const key = `${worker.name} ${address}`;
      const known = counts.get(key) ?? { worker: worker.name, address, connections: 0 };
      counts.set(key, { ...known, connections: known.connections + 1 });
    }
  }
  if (counts.size === 0) return [];
  const pods = new Map(
    (await cluster.allPods("status.phase=Running"))
      .filter((pod) => !pod.spec?.hostNetwork)
      .map((pod) => [pod.status?.podIP ?? "", describePod(pod)]),
  );
  return [...counts.values()].map(({ worker, address, connections }) => ({
    worker,
    client: pods.get(address) ?? address,
    connections,
  }));
}
