import { z } from "zod";

import type { ClusterFacts } from "../facts/clusterFacts.js";
import { flagValue, kube2iamDefaults as defaults } from "./flags.js";
import { asPrefix } from "../iam/roleArn.js";
import { baseRoleArnSchema, hostInterfaceSchema, portSchema } from "../settings/fields.js";
import type { Settings } from "../settings/schema.js";

/** Flags of kube2iam that make its rule, and that name its roles. */
export type NeededFlag = "app-port" | "host-interface" | "base-role-arn";

/** What holds for kube2iam in this cluster, wherever it was learnt. */
export interface EffectiveKube2iam {
  namespace: string;
  daemonSet: string;
  port: number;
  /** Interface of its rule; undefined where neither settings nor cluster tell. */
  interface: string | undefined;
  /** Its --base-role-arn; empty where it has none. */
  baseRoleArn: string;
  /** Flags of kube2iam that are needed here and hold nothing that can be used, such as `$(PORT)`. */
  unusable: { flag: NeededFlag; value: string }[];
}

/** A port as a flag has it. */
const portText = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .pipe(portSchema);

/**
 * Settings first, then the live DaemonSet's flags, then what an earlier run recorded: once
 * kube2iam is retired nothing else remembers it, and the way back needs its rule.
 */
export function effectiveKube2iam(settings: Settings, facts: ClusterFacts): EffectiveKube2iam {
  const flags = facts.kube2iam?.commandLine;
  const { recorded } = facts;
  const unusable: EffectiveKube2iam["unusable"] = [];
  /** What the live DaemonSet's flag says, or what is recorded of it; undefined where it cannot be used. */
  const flagOf = <Value>(
    flag: NeededFlag,
    otherwise: Value,
    known: Value | undefined,
    schema: { safeParse(value: string): { success: boolean; data?: Value } },
  ): Value | undefined => {
    if (flags === undefined) return known;
    const value = flagValue(flags, flag);
    if (value === undefined) return otherwise;
    const checked = schema.safeParse(value);
    if (checked.success) return checked.data;
    unusable.push({ flag, value });
    return undefined;
  };
  return {
    namespace: settings.kube2iam.namespace,
    daemonSet: settings.kube2iam.daemonSet,
    port:
      settings.kube2iam.port ??
      flagOf<number>("app-port", defaults.port, recorded?.port, portText) ??
      // There is no plan, and so nothing is done with it, where the flag cannot be used.
      defaults.port,
    interface:
      settings.kube2iam.interface ??
      flagOf<string>(
        "host-interface",
        defaults.interface,
        recorded?.interface,
        hostInterfaceSchema,
      ),
    baseRoleArn:
      flagOf<string>("base-role-arn", "", recorded?.baseRoleArn, baseRoleArnSchema) ?? "",
    unusable,
  };
}

/** Prefix of role ARNs: the setting, else kube2iam's; undefined where neither tells. */
export function effectiveRoleBaseArn(settings: Settings, facts: ClusterFacts): string | undefined {
  if (settings.kiam.roleBaseArn !== undefined) return settings.kiam.roleBaseArn;
  const base = effectiveKube2iam(settings, facts).baseRoleArn;
  return base === "" ? undefined : asPrefix(base);
}
