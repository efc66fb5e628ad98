import { cutoverAnnotation, type ClusterFacts, type NodeFacts } from "../../facts/clusterFacts.js";
import { mayBeCutOver, parseCutoverRecord } from "../../plan/cutoverRecord.js";
import { isReachedOverSsh } from "../../kiam/kiamOnly.js";
import { cannotRunAgent, isMaster, workerNodes } from "../../situation/nodeSelection.js";
import { own } from "../../text/text.js";
import { notReadyBecause } from "../../situation/nodeStandings.js";
import type { Settings } from "../../settings/schema.js";
import { reaches } from "../../stages.js";
import { lacksAddress, lacksHostKey } from "../../plan/waiting.js";
import { blocksFrom, type Judgement } from "../judgement.js";

/** The nodes that are to be moved. */
export function auditWorkers(settings: Settings, facts: ClusterFacts): Judgement[] {
  const findings: Judgement[] = [];
  const workers = workerNodes(settings, facts.nodes);
  if (workers.length === 0) {
    findings.push({
      code: "no-worker",
      // Later the settings did match some: the cluster may be scaled to zero for a night.
      severity: facts.recorded === undefined ? "blocks" : "warns",
      object: "cluster",
      seen: "no node matches as a worker",
    });
  }
  const names = new Set(workers.map((node) => node.name));
  for (const node of facts.nodes) {
    if (names.has(node.name) || !kiamMayServe(facts, node)) continue;
    if (!reaches(settings.stage, "agent")) continue;
    findings.push({
      code: "worker-left-out",
      severity: "blocks",
      object: `node/${node.name}`,
      seen: "kiam serves it, as far as is known, and the settings no longer count it among the workers",
    });
  }
  for (const node of workers) {
    const record = parseCutoverRecord(node.cutoverAnnotation);
    if (record === undefined || !("unreadable" in record)) continue;
    findings.push({
      code: "cutover-record-unreadable",
      severity: blocksFrom("cutover", settings),
      object: `node/${node.name}`,
      seen: `its annotation ${cutoverAnnotation} was not written by this program: ${record.unreadable}`,
    });
  }
  const inCluster = new Set(facts.nodes.map((node) => node.name));
  for (const { name } of settings.workers.list ?? []) {
    if (inCluster.has(name)) continue;
    findings.push({
      code: "worker-not-listed-in-cluster",
      severity: "informs",
      object: `node/${name}`,
      seen: "workers.list names it, and the cluster has no such node",
    });
  }
  for (const node of workers) {
    const object = `node/${node.name}`;
    const missing = lacksAddress(settings, facts, node);
    if (missing !== undefined) {
      findings.push({
        code: "worker-address-unknown",
        severity: lastChance(settings, facts) ? "blocks" : "warns",
        object,
        seen: `it reports no ${missing} that is ${missing === "InternalIP" ? "an IPv4 address" : "an address or a host name"}`,
        fix:
          missing === "InternalIP"
            ? "see why its kubelet, or the cloud controller, reports none"
            : "set workers.addressType, name its address in workers.list, or set workers.access: exec",
      });
    }
    if (cannotRunAgent(node) && reaches(settings.stage, "agent")) {
      findings.push({
        code: "worker-cannot-run-agent",
        severity: "blocks",
        object,
        seen: "it is a node of AWS Fargate, or of Windows, and workers.selector or workers.list makes it a worker",
      });
    }
    const broken = notReadyBecause(node);
    if (broken !== undefined && reaches(settings.stage, "agent")) {
      findings.push({
        code: "worker-not-ready",
        severity: lastChance(settings, facts) ? "blocks" : "warns",
        object,
        seen: broken,
      });
    }
    if (
      // Whoever looks over SSH wants to know in good time.
      (reaches(settings.stage, "cutover") || facts.overSsh !== undefined) &&
      isReachedOverSsh(settings, facts, node) &&
      lacksHostKey(settings, node)
    ) {
      findings.push({
        code: "host-key-unknown",
        // Of a worker that was moved, the command would run again, on whoever answers.
        severity: mayBeCutOver(node) || lastChance(settings, facts) ? "blocks" : "warns",
        object,
        seen: "ssh.hostKeys has no key for it",
      });
    }
    if (
      isMaster(node) &&
      settings.workers.selector !== undefined &&
      reaches(settings.stage, "agent")
    ) {
      findings.push({
        code: "server-and-agent-on-one-node",
        severity: "warns",
        object,
        seen: "workers.selector matches this master",
        why: "control-plane pods that use the node's own role would be cut off from it",
        fix: "make workers.selector exclude the masters",
      });
    }
  }
  return findings;
}

/** Whether this stage takes kube2iam away: from then on there is nothing to fall back on. */
function lastChance({ stage }: Settings, { kube2iam }: ClusterFacts): boolean {
  return reaches(stage, "retire") && kube2iam !== undefined;
}

/** By its record, or because its agent's rule is not seen to be behind kube2iam's: it may have joined that way. */
function kiamMayServe({ agents, rules }: ClusterFacts, node: NodeFacts): boolean {
  if (node.cutoverAnnotation !== undefined) return true;
  if (!agents.includes(node.name)) return false;
  const state = own(rules, node.name);
  return state === undefined || "unread" in state || state.inForce !== "kube2iam";
}
