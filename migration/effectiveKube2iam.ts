import type { ClusterFacts } from "./clusterFacts.js";
import { flagValue, kube2iamDefaults } from "./kube2iamFlags.js";
import { asPrefix } from "./roleArn.js";
import type { Settings } from "./settings.js";

/** What holds for kube2iam in this cluster, wherever it was learnt. */
export interface EffectiveKube2iam {
  namespace: string;
  daemonSet: string;
  port: number;
  /** Interface of its rule; undefined where neither settings nor cluster tell. */
  interface: string | undefined;
  /** Its --base-role-arn; empty where it has none. */
  baseRoleArn: string;
}

/**
 * Settings first, then the live DaemonSet's flags, then what an earlier run recorded: once
 * kube2iam is retired nothing else remembers it, and the way back needs its rule.
 */
export function effectiveKube2iam(settings: Settings, facts: ClusterFacts): EffectiveKube2iam {
  const flags = facts.kube2iam?.commandLine;
  const { recorded } = facts;
  return {
    namespace: settings.kube2iam.namespace,
    daemonSet: settings.kube2iam.daemonSet,
    port:
      settings.kube2iam.port ??
      (flags === undefined
        ? (recorded?.port ?? kube2iamDefaults.port)
        : Number(flagValue(flags, "app-port") ?? kube2iamDefaults.port)),
    interface:
      settings.kube2iam.interface ??
      (flags === undefined
        ? recorded?.interface
        : (flagValue(flags, "host-interface") ?? kube2iamDefaults.interface)),
    baseRoleArn:
      (flags === undefined ? recorded?.baseRoleArn : flagValue(flags, "base-role-arn")) ?? "",
  };
}

/** Prefix of role ARNs: the setting, else kube2iam's; undefined where neither tells. */
export function effectiveRoleBaseArn(settings: Settings, facts: ClusterFacts): string | undefined {
  if (settings.kiam.roleBaseArn !== undefined) return settings.kiam.roleBaseArn;
  const base = effectiveKube2iam(settings, facts).baseRoleArn;
  return base === "" ? undefined : asPrefix(base);
}
