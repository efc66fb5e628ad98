import { disarmByHand, whyNotDisarmed } from "../../kube2iam/preStop.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import { auditKube2iamCoverage } from "./coverage.js";
import { auditKube2iamDaemonSet } from "./daemonSet.js";
import { auditKube2iamDrift } from "./drift.js";
import { kube2iamObject, type Judgement } from "../judgement.js";

/** kube2iam itself: where it is, how it is set up, what of it can turn against kiam. */
export function auditKube2iam(situation: Situation): Judgement[] {
  const { settings, facts, kube2iam, roleBaseArn } = situation;
  const findings: Judgement[] = [];
  const object = kube2iamObject(kube2iam);
  const retired = settings.stage === "retire" && facts.recorded !== undefined;
  if (facts.kube2iam === undefined && facts.recorded === undefined) {
    findings.push({
      code: "kube2iam-missing",
      severity: "blocks",
      object,
      seen: "there is no such DaemonSet, and no earlier run recorded one",
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
    });
  }
  if (roleBaseArn === undefined && !unusable.has("base-role-arn")) {
    findings.push({
      code: "role-base-arn-unknown",
      severity: "blocks",
      object,
      seen: "kube2iam has no --base-role-arn, and kiam.roleBaseArn is not set",
    });
  }
  if (kube2iam.port === settings.kiam.agentPort) {
    findings.push({
      code: "port-clash",
      severity: "blocks",
      object,
      seen: `kube2iam listens on port ${kube2iam.port}, and kiam's agent is to listen on the same`,
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
      fix:
        refusal === undefined
          ? "nothing now: this update takes the hook off the DaemonSet (with updateStrategy OnDelete, so that no pod restarts) and disarms it in the running pods; it stays off. Also take it out of what kube2iam is deployed from, or the next deployment brings it back"
          : `the hook cannot be disarmed in the running pods, since ${refusal}: ${disarmByHand}; then run again`,
    });
  }
  if (live !== undefined && !settings.iam.trustWorkerRole) {
    findings.push({
      code: "worker-role-needed",
      severity: "blocks",
      object,
      seen: "kube2iam still runs, and iam.trustWorkerRole is off",
    });
  }
  if (live === undefined) return findings;
  return [
    ...findings,
    ...auditKube2iamCoverage(situation, live),
    ...auditKube2iamDaemonSet(situation, live),
    ...auditKube2iamDrift(situation, live),
  ];
}
