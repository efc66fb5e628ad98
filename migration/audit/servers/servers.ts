import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { serverNodes, untolerated, workerNodes } from "../../situation/nodeSelection.js";
import type { Settings } from "../../settings/schema.js";
import { reaches } from "../../stages.js";
import { own } from "../../text/text.js";
import type { Judgement } from "../judgement.js";

/** The nodes that are to run kiam's server. */
export function auditServers(settings: Settings, facts: ClusterFacts): Judgement[] {
  if (!reaches(settings.stage, "server")) return [];
  const findings: Judgement[] = [];
  const servers = serverNodes(settings, facts.nodes);
  if (servers.length === 0) {
    findings.push({
      code: "no-server-node",
      severity: "blocks",
      object: "cluster",
      seen:
        settings.kiam.serverNodeSelector === undefined
          ? "no node has the label node-role.kubernetes.io/master or node-role.kubernetes.io/control-plane"
          : `no node has the labels ${JSON.stringify(settings.kiam.serverNodeSelector)}`,
    });
  }
  if (servers.length === 1) {
    findings.push({
      code: "single-server",
      severity: "warns",
      object: `node/${servers[0]?.name}`,
      seen: "only this node will run the kiam server",
    });
  }
  const workers = new Set(workerNodes(settings, facts.nodes).map((node) => node.name));
  for (const node of servers) {
    const taints = untolerated(node, settings.kiam.serverTolerations);
    if (taints.length > 0) {
      findings.push({
        code: "taint-not-tolerated",
        severity: "blocks",
        object: `node/${node.name}`,
        seen: `it has ${taints.map((taint) => `${taint.key}:${taint.effect}`).join(", ")}, which kiam.serverTolerations does not tolerate`,
      });
    }
    if (workers.has(node.name)) {
      findings.push({
        code: "server-and-agent-on-one-node",
        severity: "blocks",
        object: `node/${node.name}`,
        seen: "it matches both as a server node and as a worker",
      });
    }
    if (own(facts.kube2iam?.pods, node.name) !== undefined && !settings.kiam.serverHostNetwork) {
      findings.push({
        code: "kube2iam-on-server-node",
        severity: "blocks",
        object: `node/${node.name}`,
        seen: "kube2iam runs on it too",
      });
    }
  }
  return findings;
}
