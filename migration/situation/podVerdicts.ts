import type { PodFacts } from "../facts/clusterFacts.js";
import { compareText, groupedBy } from "../text/text.js";
import { defaultRole } from "../kube2iam/flags.js";
import { isPermitted, resolveRoleArn } from "../kiam/permitted.js";
import { asksForRole, livesOnDefaultRole } from "./rolesInUse.js";
import type { Situation } from "./situation.js";

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
export function podVerdicts(situation: Situation): PodVerdict[] {
  const { settings, facts, roleBaseArn } = situation;
  const byDefault = defaultRole(facts.kube2iam?.commandLine ?? []) !== undefined;
  const concerned = facts.pods.filter(
    (pod) => asksForRole(pod) || (byDefault && livesOnDefaultRole(pod, settings)),
  );
  const groups = groupedBy(concerned, ({ namespace, role = "", hostNetwork }) =>
    JSON.stringify([namespace, role, hostNetwork]),
  );
  return [...groups.values()]
    .map((pods): PodVerdict => {
      const first = pods[0]!;
      const role = roleOf(first, roleBaseArn);
      return {
        namespace: first.namespace,
        role,
        ...judge(first, role, situation),
        pods: pods.map(({ name }) => name).sort(),
      };
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
  { facts: { iam }, permittedIn, permittedMode: mode }: Situation,
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
  const expression = permittedIn(namespace);
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
