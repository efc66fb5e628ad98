import { systemOfRule } from "../migration/rules/natRule.js";
import type { Cluster } from "./cluster/cluster.js";
import { runIn } from "./cluster/namespaces.js";
import type { ClusterNode } from "./cluster/topology.js";

const ports = { kube2iamPort: 8181, kiamPort: 8881 };

/** Every nat/PREROUTING rule of each worker, by worker. */
export async function readNatRules(cluster: Cluster): Promise<Record<string, string[]>> {
  const entries = await Promise.all(
    cluster.workers.map(async (worker) => [worker.name, await preroutingOf(worker)] as const),
  );
  return Object.fromEntries(entries);
}

async function preroutingOf(worker: ClusterNode): Promise<string[]> {
  const { stdout } = await runIn(worker.name, "iptables", ["-w", "-t", "nat", "-S", "PREROUTING"]);
  return String(stdout)
    .split("\n")
    .filter((line) => line.startsWith("-A "));
}

/** kube2iam and kiam, in the order in which a worker's rules name them. */
export function systemsInOrder(rules: readonly string[], hostIp: string): ("kube2iam" | "kiam")[] {
  return rules.flatMap((rule) => systemOfRule(rule, { hostIp, ...ports }) ?? []);
}
