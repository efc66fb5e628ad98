import { cutoverAnnotation, type ClusterFacts, type NodeFacts } from "../../facts/clusterFacts.js";
import { mayBeCutOver, parseCutoverRecord } from "../../plan/cutoverRecord.js";
import { isReachedOverSsh } from "../../situation/reachedOverSsh.js";
import { cannotRunAgent, isMaster } from "../../situation/nodeSelection.js";
import type { Situation } from "../../situation/situation.js";
import { own } from "../../text/text.js";
import { notReadyBecause } from "../../situation/nodeStandings.js";
import { reaches } from "../../stages.js";
import { lacksAddress, lacksHostKey } from "../../plan/whyMoveWaits.js";
import { blocksFrom, type Judgement } from "../judgement.js";

/** The nodes that are to be moved. */
export function auditWorkers(situation: Situation): Judgement[] {
  const { settings, facts, workers } = situation;
  const findings: Judgement[] = [];
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
  // From this stage on there is no kube2iam to fall back on.
  const last = reaches(settings.stage, "retire") && facts.kube2iam !== undefined;
  const severity = last ? "blocks" : "warns";
  for (const node of workers) {
    const object = `node/${node.name}`;
    const record = parseCutoverRecord(node.cutoverAnnotation);
    if (record !== undefined && "unreadable" in record) {
      findings.push({
        code: "cutover-record-unreadable",
        severity: blocksFrom("cutover", settings),
        object,
        seen: `its annotation ${cutoverAnnotation} was not written by this program: ${record.unreadable}`,
      });
    }
    const missing = lacksAddress(situation, node);
    if (missing !== undefined) {
      findings.push({
        code: "worker-address-unknown",
        severity,
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
        severity,
        object,
        seen: broken,
      });
    }
    if (
      // One who looks over SSH wants to know in good time.
      (reaches(settings.stage, "cutover") || facts.overSsh !== undefined) &&
      isReachedOverSsh(settings, facts, node) &&
      lacksHostKey(settings, node)
    ) {
      findings.push({
        code: "host-key-unknown",
        // On a worker that was moved the command would run again, whatever machine answers.
        severity: mayBeCutOver(node) ? "blocks" : severity,
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

/** By its record, or because its agent's rule is not seen to be behind kube2iam's: it may have joined that way. */
function kiamMayServe({ agents, rules }: ClusterFacts, node: NodeFacts): boolean {
  if (node.cutoverAnnotation !== undefined) return true;
  if (!agents.includes(node.name)) return false;
  const state = own(rules, node.name);
  return state === undefined || "unread" in state || state.inForce !== "kube2iam";
}
