import pMap from "p-map";

import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { messageOf } from "../../migration/text/text.js";
import { inForceOf, kube2iamClients } from "../../migration/rules/nodeReport.js";
import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import type { RuleState } from "../../migration/rules/deviation.js";
import { Cluster } from "../kubernetes/cluster.js";
import { type Target, workerOf } from "../../migration/situation/target.js";
import { NodeRules } from "./nodeRules.js";
import { GateError } from "../../migration/text/problem.js";

/** Workers looked at at the same time. */
const concurrency = 20;

/**
 * Reads the rules of every node that runs an agent, through a pod there. Changes nothing. Where
 * they cannot be read, the reason stands in their place: plan and audit judge it.
 */
export async function readRuleStates(
  facts: Pick<ClusterFacts, "nodes" | "agents">,
  target: Target,
): Promise<Record<string, RuleState>> {
  const workers = facts.nodes.filter(({ name }) => facts.agents.includes(name));
  if (workers.length === 0) return {};
  const cluster = await Cluster.connect(target.kubernetes);
  const rules = await NodeRules.read(cluster, target, 0);
  const states = await pMap(
    workers,
    async (node): Promise<[string, RuleState]> => {
      const { name } = node;
      const unread = brokenBecause({ ...node, leaving: false });
      if (unread !== undefined) return [name, { unread, forbidden: false }];
      try {
        const worker = workerOf(node);
        const report = await rules.inspect(worker);
        const failed = report.backends.find((backend) => backend.state === "failed");
        if (failed !== undefined) return [name, { unread: failed.detail, forbidden: false }];
        return [
          name,
          {
            ...inForceOf(report.after, report),
            kube2iam: report.after.kube2iam.length,
            kiamHealthy: report.health.some((each) => each.system === "kiam" && each.ok),
            kube2iamClients: Object.fromEntries(kube2iamClients(report, worker.hostIp)),
          },
        ];
      } catch (error) {
        return [name, { unread: reasonOf(error), forbidden: isForbidden(error) }];
      }
    },
    { concurrency },
  );
  return Object.fromEntries(states);
}

function reasonOf(error: unknown): string {
  const [problem] = error instanceof GateError ? error.problems : [];
  return problem?.what ?? messageOf(error);
}

/** The exec request is a web socket: its refusal is known by the answer's status alone. */
function isForbidden(error: unknown): boolean {
  return /\b403\b/.test(messageOf(error));
}
