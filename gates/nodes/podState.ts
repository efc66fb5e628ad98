import type { V1Pod } from "@kubernetes/client-node";

import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import { describePod, nameOf } from "../../cluster/kubernetes/objects.js";
import type { Problem } from "../../migration/text/problem.js";

/** Why a pod is not up, from its status and the events about it. */
export async function explainPod(cluster: Cluster, pod: V1Pod): Promise<Problem[]> {
  const where = describePod(pod);
  const problems: Problem[] = [];
  const unscheduled = pod.status?.conditions?.find(
    (each) => each.type === "PodScheduled" && each.status === "False",
  );
  if (unscheduled !== undefined) {
    problems.push({
      where,
      what: `it is not scheduled: ${unscheduled.message ?? unscheduled.reason ?? "no reason given"}`,
    });
  }
  for (const container of pod.status?.containerStatuses ?? []) {
    const { waiting } = container.state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== "ContainerCreating") {
      problems.push({
        where,
        what: `container ${container.name} waits: ${waiting.reason}${waiting.message ? ` (${waiting.message})` : ""}`,
        fix: waitingFixes[waiting.reason],
      });
    }
    const last = container.state?.terminated ?? container.lastState?.terminated;
    if (last !== undefined && last.exitCode !== 0) {
      problems.push({
        where,
        what: `container ${container.name} ended with exit code ${last.exitCode} (${last.reason ?? "no reason"}), ${container.restartCount} restarts`,
        fix: "its log says why",
      });
    }
  }
  const { namespace } = nameOf(pod);
  const events = await cluster.events(namespace, pod.metadata?.uid ?? "");
  const warnings = events.filter((event) => event.type === "Warning");
  // The newest event of each kind: they repeat.
  const newest = new Map(warnings.map((event) => [event.reason, event.message ?? ""]));
  for (const [reason, message] of newest) {
    problems.push({ where, what: `${reason}: ${message}`, fix: eventFix(message) });
  }
  if (problems.length === 0) {
    problems.push({
      where,
      what: `it is not ready (phase ${pod.status?.phase ?? "unknown"}), and neither its status nor events say why`,
    });
  }
  return problems;
}

const pullFix = "check the image's name, and that its registry can be reached from that node";

const waitingFixes: Record<string, string> = {
  ErrImagePull: pullFix,
  ImagePullBackOff: pullFix,
  InvalidImageName: "correct the image's name",
  CrashLoopBackOff: "its log says why it ends",
  CreateContainerConfigError: "a Secret or ConfigMap that it refers to is missing",
};

function eventFix(message: string): string | undefined {
  if (/hostPath type check failed/.test(message)) {
    return "the host path does not exist on that node: set kiam.caHostPath to where its OS image keeps CA certificates (/etc/ssl/certs on Debian, Ubuntu and Flatcar, /etc/pki/ca-trust/extracted/pem on Amazon Linux and RHEL)";
  }
  if (/secret ".*" not found/.test(message)) {
    return "the Secret with kiam's certificates has to be in this namespace";
  }
  return undefined;
}
