import { untolerated } from "../../situation/nodeSelection.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import { own } from "../../text/text.js";
import type { Judgement } from "../judgement.js";

/** The nodes that are to run kiam's server. */
export function auditServers({ settings, facts, servers, workers }: Situation): Judgement[] {
  if (!reaches(settings.stage, "server")) return [];
  const findings: Judgement[] = [];
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
    if (workers.includes(node)) {
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
        seen: "kube2iam also runs on it",
      });
    }
  }
  return findings;
}
