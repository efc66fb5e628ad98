import { durationSeconds, type Settings } from "./schema.js";
import { reaches } from "../stages.js";

/*
 * What settings have to mean together. A rule is left out where one of the sections it is about
 * is wrong by itself: that is reported anyway.
 */

export interface SettingsProblem {
  /** Where, such as `kiam.agentPort`. */
  property: string;
  /** What stands there; undefined where nothing does or where it is a secret. */
  value: unknown;
  /** What must hold, and where it does not go without saying how to get there. */
  rule: string;
}

export function problemsTogether(settings: Partial<Settings>): SettingsProblem[] {
  const { stage, kube2iam, kiam, iam, ssh, workers, probe, retirement } = settings;
  const problems: SettingsProblem[] = [];
  const wrong = (property: string, rule: string, value?: unknown) =>
    problems.push({ property, value, rule });

  if (kiam !== undefined && kube2iam !== undefined && kube2iam.port === kiam.agentPort) {
    const rule = "must differ from kube2iam.port: both run on every worker for a while";
    wrong("kiam.agentPort", rule, kiam.agentPort);
  }
  if (kiam !== undefined) {
    const seconds = durationSeconds(kiam.sessionDuration);
    if (seconds < 900 || seconds > 3600) {
      const rule = "must be from 15m to 1h: STS gives chained roles at most one hour";
      wrong("kiam.sessionDuration", rule, kiam.sessionDuration);
    }
  }
  if (workers !== undefined) {
    if (workers.selector !== undefined && workers.list !== undefined) {
      wrong("workers", "must have either selector or list, not both");
    }
    const listed = workers.list?.map((worker) => worker.name);
    for (const canary of workers.canaries) {
      if (listed !== undefined && !listed.includes(canary)) {
        wrong("workers.canaries", "must name workers of workers.list", canary);
      }
    }
  }
  if (iam !== undefined) {
    if (iam.manage && iam.masterRoleName === undefined) {
      wrong(
        "iam.masterRoleName",
        "must name the masters' IAM role, or set iam.manage to false and let the masters assume the kiam-server role yourself",
      );
    }
    if (iam.manage !== (iam.serverRoleArn === undefined)) {
      wrong(
        "iam.serverRoleArn",
        iam.manage
          ? "is only used with iam.manage off; name the role to create by iam.serverRoleName"
          : "must name the kiam-server role, since iam.manage is off",
        iam.serverRoleArn,
      );
    }
    if (iam.applicationRoles.length > 0 && iam.workerRoleName === undefined) {
      wrong(
        "iam.workerRoleName",
        "must name the workers' IAM role: the application roles have to trust it until kube2iam is gone",
      );
    }
    if (stage !== undefined && !iam.trustWorkerRole && stage !== "retire") {
      wrong(
        "iam.trustWorkerRole",
        "must stay on until stage retire: kube2iam assumes the roles as the worker",
        iam.trustWorkerRole,
      );
    }
  }
  if (
    stage !== undefined &&
    reaches(stage, "agent") &&
    probe !== undefined &&
    probe.role === undefined
  ) {
    wrong(
      "probe.role",
      "must name a role from stage agent on: every worker is proven with a pod that asks for it",
    );
  }
  if (ssh?.hostKeyCommand !== undefined && ssh.acceptUnknownHosts) {
    wrong(
      "ssh.acceptUnknownHosts",
      "must be off where ssh.hostKeyCommand is set: a key that is not checked need not be asked for",
      ssh.acceptUnknownHosts,
    );
  }
  const closes = retirement?.closeIdleSeconds !== undefined || retirement?.then === "proceed";
  if (workers?.access === "exec" && closes) {
    wrong(
      "workers.access",
      "must be ssh where retirement.closeIdleSeconds or retirement.then: proceed is set: connections to kube2iam can be closed over SSH only",
      workers.access,
    );
  }
  if (
    stage !== undefined &&
    reaches(stage, "cutover") &&
    ssh !== undefined &&
    workers?.access !== "exec"
  ) {
    const keys = [ssh.privateKey, ssh.agentSocketPath].filter((key) => key !== undefined);
    if (keys.length !== 1) {
      wrong(
        "ssh",
        "must have exactly one of privateKey (pulumi config set --secret --path ssh.privateKey) and agentSocketPath from stage cutover on",
      );
    }
  }
  return problems;
}
