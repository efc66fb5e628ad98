import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { effectiveKube2iam, effectiveRoleBaseArn } from "../../kube2iam/effective.js";
import { disarmByHand, whyNotDisarmed } from "../../kube2iam/preStop.js";
import type { Settings } from "../../settings/schema.js";
import { reaches } from "../../stages.js";
import type { Finding } from "../finding.js";
import { auditKube2iamCoverage } from "./coverage.js";
import { auditKube2iamDaemonSet } from "./daemonSet.js";
import { auditKube2iamDrift } from "./drift.js";
import { kube2iamObject } from "./object.js";

/** kube2iam itself: where it is, how it is set up, what of it can turn against kiam. */
export function auditKube2iam(settings: Settings, facts: ClusterFacts): Finding[] {
  const findings: Finding[] = [];
  const kube2iam = effectiveKube2iam(settings, facts);
  const object = kube2iamObject(kube2iam);
  const retired = settings.stage === "retire" && facts.recorded !== undefined;
  if (facts.kube2iam === undefined && facts.recorded === undefined) {
    findings.push({
      code: "kube2iam-missing",
      severity: "blocks",
      object,
      seen: "there is no such DaemonSet, and no earlier run recorded one",
      why: "its port and interface make the rule that is to be deleted, and its DaemonSet is the way back",
      fix: "set kube2iam.namespace and kube2iam.daemonSet to where kube2iam runs",
    });
    return findings;
  }
  if (facts.kube2iam === undefined && !retired) {
    findings.push({
      code: "kube2iam-missing",
      // Going back from stage retire puts it there again, in the same update.
      severity: "informs",
      object,
      seen: "there is no such DaemonSet now; an earlier run recorded its port and interface",
      why: "before stage retire it is there; where this program retired it, this update puts it back",
      fix: "nothing, where the stack is coming back from stage retire; otherwise apply kube2iam's DaemonSet again, or go on to stage retire: until then stage cutover moves no worker",
    });
  }
  for (const { flag, value } of kube2iam.unusable) {
    findings.push({
      code: "kube2iam-flag-unusable",
      severity: "blocks",
      object,
      seen: `its --${flag} reads ${JSON.stringify(value)}`,
      why: "port and interface make the rule that is deleted and put back, and the base ARN says which roles pods mean: neither is guessed",
      fix: {
        "app-port": "set kube2iam.port",
        "host-interface": "set kube2iam.interface",
        "base-role-arn":
          "write the value itself into the DaemonSet, such as --base-role-arn=arn:aws:iam::123456789012:role/",
      }[flag],
    });
  }
  const unusable = new Set(kube2iam.unusable.map(({ flag }) => flag));
  if (kube2iam.interface === undefined && !unusable.has("host-interface")) {
    findings.push({
      code: "interface-unknown",
      severity: "blocks",
      object,
      seen: "neither the settings nor the DaemonSet name an interface",
      why: "kiam's rule must match the traffic that kube2iam's rule matches",
      fix: "set kube2iam.interface",
    });
  }
  if (effectiveRoleBaseArn(settings, facts) === undefined && !unusable.has("base-role-arn")) {
    findings.push({
      code: "role-base-arn-unknown",
      severity: "blocks",
      object,
      seen: "kube2iam has no --base-role-arn, and kiam.roleBaseArn is not set",
      why: "pods name roles without the account; kiam has to know it (its autodetection fails where IMDSv2 is required)",
      fix: "set kiam.roleBaseArn, such as arn:aws:iam::123456789012:role/",
    });
  }
  if (kube2iam.port === settings.kiam.agentPort) {
    findings.push({
      code: "port-clash",
      severity: "blocks",
      object,
      seen: `kube2iam listens on port ${kube2iam.port}, and kiam's agent is to listen on the same`,
      why: "both run on every worker for a while",
      fix: "set kiam.agentPort to another port, such as 8881",
    });
  }
  const live = facts.kube2iam;
  for (const hook of reaches(settings.stage, "agent") ? (live?.preStop ?? []) : []) {
    const refusal = whyNotDisarmed(hook);
    findings.push({
      code: "prestop-hook",
      severity: refusal === undefined ? "informs" : "blocks",
      object,
      seen: `the preStop hook of its container ${hook.container} runs: ${hook.command.join(" ")}`,
      why: "hooks of this kind delete every nat rule for 169.254.169.254, kiam's included: whenever a kube2iam pod goes, its worker's pods fall through to the node's own role",
      fix:
        refusal === undefined
          ? "nothing now: this update takes the hook off the DaemonSet (with updateStrategy OnDelete, so that no pod restarts) and disarms it in the running pods; it stays off. Take it out of what kube2iam is deployed from, too, or the next deployment brings it back"
          : `the hook cannot be disarmed in the running pods, since ${refusal}: ${disarmByHand}; then run again`,
    });
  }
  if (live !== undefined && !settings.iam.trustWorkerRole) {
    findings.push({
      code: "worker-role-needed",
      severity: "blocks",
      object,
      seen: "kube2iam still runs, and iam.trustWorkerRole is off",
      why: "kube2iam assumes the application roles as the worker's role, and so does the way back",
      fix: "leave iam.trustWorkerRole on until an update at stage retire has succeeded",
    });
  }
  if (live === undefined) return findings;
  return [
    ...findings,
    ...auditKube2iamCoverage(settings, facts, live),
    ...auditKube2iamDaemonSet(settings, facts, live),
    ...auditKube2iamDrift(settings, facts, live),
  ];
}
