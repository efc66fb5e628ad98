import { cutoverAnnotation, type ClusterFacts, type NodeFacts } from "../../facts/clusterFacts.js";
import { mayBeCutOver, parseCutoverRecord } from "../../plan/cutoverRecord.js";
import { isReachedOverSsh } from "../../kiam/kiamOnly.js";
import { cannotRunAgent, isMaster, workerNodes } from "../../situation/nodeSelection.js";
import { own } from "../../text/text.js";
import { notReadyBecause } from "../../situation/nodeStandings.js";
import type { Settings } from "../../settings/schema.js";
import { reaches } from "../../stages.js";
import { lacksAddress, lacksHostKey } from "../../plan/waiting.js";
import type { Finding } from "../finding.js";
import { blocksFrom } from "../severityFrom.js";

/** The nodes that are to be moved. */
export function auditWorkers(settings: Settings, facts: ClusterFacts): Finding[] {
  const findings: Finding[] = [];
  const workers = workerNodes(settings, facts.nodes);
  if (workers.length === 0) {
    findings.push({
      code: "no-worker",
      // Later the settings did match some: the cluster may be scaled to zero for a night.
      severity: facts.recorded === undefined ? "blocks" : "warns",
      object: "cluster",
      seen: "no node matches as a worker",
      why: "there is nothing to move",
      fix: "set workers.selector or workers.list",
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
      why: "its agent would go while its pods depend on it",
      fix: "let workers.selector or workers.list match it again; to take it out, move the stack back to stage server first",
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
      why: "nobody can tell whether it was moved, or ever had kube2iam, and whoever wrote it may patch nodes",
      fix: "find out who wrote it; where the worker was not moved yet, remove the annotation, otherwise acknowledge this finding for one update: it connects over SSH and proves the worker anew, as one that was moved from kube2iam",
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
      why: "it is passed over, as a worker that left the cluster is",
      fix: "take it out of workers.list if it is gone for good",
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
        why: `${missing === "InternalIP" ? "the rules carry that address" : "SSH has nothing to connect to"}: it cannot be moved; the update moves all others, then fails naming it`,
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
        why: "no DaemonSet runs on Fargate, and Windows has no iptables: the update would wait for an agent there until it fails",
        fix: "leave it out of workers.selector or workers.list; without these settings such nodes are no workers",
      });
    }
    const broken = notReadyBecause(node);
    if (broken !== undefined && reaches(settings.stage, "agent")) {
      findings.push({
        code: "worker-not-ready",
        severity: lastChance(settings, facts) ? "blocks" : "warns",
        object,
        seen: broken,
        why: "it cannot be moved or proven; the update moves all others, then fails naming it",
        fix: "mend it, or delete it from the cluster if it is gone for good",
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
        why: "without it anybody who answers at its address would be handed root commands",
        fix: "its move waits until then: add its public host key to ssh.hostKeys, by its name or by a pattern for workers that share one (from the instance's console output, or ssh-keyscan over a path you trust), let a program tell it (ssh.hostKeyCommand), or set workers.access: exec",
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
