import type { ClusterFacts } from "../facts/clusterFacts.js";
import { effectiveRoleBaseArn } from "../kube2iam/effective.js";
import { resolveRoleArn } from "../kiam/permitted.js";
import { roleArnBeside } from "./roleArn.js";
import { arnsInUse, rolesInUse } from "../situation/rolesInUse.js";
import type { Settings } from "../settings/schema.js";

/** The roles that have to trust one another: masters → kiam-server → application. */
export interface IamChain {
  /** The kiam-server role, which need not exist yet. */
  serverRoleArn: string;
  /** The masters' role; undefined where the settings do not name it. */
  masterRoleName: string | undefined;
  /** The workers' role, which kube2iam uses; undefined where the settings do not name it. */
  workerRoleName: string | undefined;
  /** What pods use, and what the probe is to use; ARNs, sorted. */
  applicationRoleArns: string[];
}

/** @returns undefined where nothing tells the account (finding role-base-arn-unknown) */
export function iamChain(settings: Settings, facts: ClusterFacts): IamChain | undefined {
  const base = effectiveRoleBaseArn(settings, facts);
  if (base === undefined) return undefined;
  const { iam, probe } = settings;
  const used = arnsInUse(rolesInUse(facts, base));
  const probed = probe.role === undefined ? [] : [resolveRoleArn(probe.role, base)];
  return {
    serverRoleArn: iam.serverRoleArn ?? roleArnBeside(base, iam.serverRoleName, iam.serverRolePath),
    masterRoleName: iam.masterRoleName,
    workerRoleName: iam.workerRoleName,
    applicationRoleArns: [...new Set([...used, ...probed])].sort(),
  };
}

/** ARN patterns that the kiam-server role may assume: the setting, else every role below the base. */
export function assumableRoles({ iam }: Pick<Settings, "iam">, baseArn: string): string[] {
  return iam.assumableRoles ?? [`${baseArn}*`];
}

/** ARNs of the application roles that this program creates, with their trust. */
export function ownRoleArns({ iam }: Settings, baseArn: string): Set<string> {
  return new Set(iam.applicationRoles.map(({ name, path }) => roleArnBeside(baseArn, name, path)));
}
