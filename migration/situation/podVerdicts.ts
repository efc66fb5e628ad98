import type { ClusterFacts, PodFacts } from "../facts/clusterFacts.js";
import { compareText } from "../text/text.js";
import { effectiveRoleBaseArn } from "../kube2iam/effective.js";
import { defaultRole } from "../kube2iam/flags.js";
import { isPermitted, resolveRoleArn, type PermittedMode } from "../kiam/permitted.js";
import { permittedInForce, permittedMode } from "../kiam/permittedInForce.js";
import { asksForRole, livesOnDefaultRole } from "./rolesInUse.js";
import type { Settings } from "../settings/schema.js";

/**
 * What becomes of a pod's credentials under kiam.
 *
 * ready: kiam would supply its role, as far as was looked at.
 * unchecked: permitted, but whether the role can be assumed was not looked at, or could not be.
 * refused: kiam would not supply it; `because` says why.
 * default-role: it lives on kube2iam's default role, which kiam does not have.
 * bypasses: on the host network, where neither system supplies anything.
 */
export type Verdict = "ready" | "unchecked" | "refused" | "default-role" | "bypasses";

/** Pods of one namespace that use one role (or none) and share a verdict. */
export interface PodVerdict {
  namespace: string;
  /** ARN of the role; undefined for pods without one. */
  role: string | undefined;
  verdict: Verdict;
  /** Why it is not `ready`; empty where it is. */
  because: string[];
  /** Names, sorted. */
  pods: string[];
}

/** A verdict for every pod that can have anything to do with AWS, sorted by namespace and role. */
export function podVerdicts(settings: Settings, facts: ClusterFacts): PodVerdict[] {
  const base = effectiveRoleBaseArn(settings, facts);
  const inForce = permittedInForce(settings, facts);
  const mode = permittedMode(settings);
  const byDefault = defaultRole(facts.kube2iam?.commandLine ?? []) !== undefined;
  const groups = new Map<string, PodFacts[]>();
  for (const pod of facts.pods) {
    if (!asksForRole(pod) && !(byDefault && livesOnDefaultRole(pod, settings))) continue;
    const key = JSON.stringify([pod.namespace, pod.role ?? "", pod.hostNetwork]);
    const group = groups.get(key) ?? [];
    group.push(pod);
    groups.set(key, group);
  }
  return [...groups.values()]
    .flatMap((pods): PodVerdict[] => {
      const [first] = pods;
      if (first === undefined) return [];
      const role = roleOf(first, base);
      const expression = inForce(first.namespace);
      return [
        {
          namespace: first.namespace,
          role,
          ...judge(first, role, { expression, mode }, facts),
          pods: pods.map(({ name }) => name).sort(),
        },
      ];
    })
    .sort(
      (a, b) => compareText(a.namespace, b.namespace) || compareText(a.role ?? "", b.role ?? ""),
    );
}

function roleOf(pod: PodFacts, base: string | undefined): string | undefined {
  if (!asksForRole(pod)) return undefined;
  return base === undefined ? pod.role : resolveRoleArn(pod.role, base);
}

function judge(
  { hostNetwork, namespace, role: written }: PodFacts,
  role: string | undefined,
  { expression, mode }: { expression: string | undefined; mode: PermittedMode },
  { iam }: Pick<ClusterFacts, "iam">,
): Pick<PodVerdict, "verdict" | "because"> {
  if (hostNetwork) {
    return {
      verdict: "bypasses",
      because: ["on the host network: it uses its node's own role, before and after"],
    };
  }
  if (role === undefined) {
    return {
      verdict: "default-role",
      because: ["it has no role of its own, and kiam has no default role"],
    };
  }
  const refusals = isPermitted(expression, mode === "as-written" ? (written ?? "") : role, mode)
    ? []
    : [
        expression === undefined || expression === ""
          ? `namespace ${namespace} permits no role`
          : `namespace ${namespace} permits ${expression}`,
      ];
  const facts = iam?.roles[role];
  if (facts?.exists === false) refusals.push("there is no such role");
  else {
    if (facts?.trustsServer === "denied")
      refusals.push("the role does not trust the kiam-server role");
    if (facts?.serverMay === "denied") refusals.push("the kiam-server role may not assume it");
  }
  if (facts?.tried?.ok === false) refusals.push(`STS refused it: ${facts.tried.message}`);
  if (refusals.length > 0) return { verdict: "refused", because: refusals };
  if (iam === undefined) return { verdict: "unchecked", because: ["IAM was not looked at"] };
  if (facts?.tried?.ok === true) return { verdict: "ready", because: [] };
  const sure =
    facts?.exists === true && facts.trustsServer === "allowed" && facts.serverMay === "allowed";
  return sure
    ? { verdict: "ready", because: [] }
    : { verdict: "unchecked", because: facts?.reasons ?? ["IAM did not tell"] };
}
