import type { BackendRules } from "../rules/nodeReport.js";
import {
  credentialRuleSpec,
  systemOfRule,
  type Backend,
  type RuleTargets,
  type System,
} from "../rules/natRule.js";
import { movesToKiam, type Plan, type PlannedWorker } from "./plan.js";
import { reaches } from "../stages.js";

/**
 * What a worker's rules will be once its plan is carried out; those of one that is held stay. Rules
 * of others stay where they are; kube2iam's go back in front, kiam's are appended, as the script on
 * workers and the agent do it.
 *
 * @param kiamPort the agent's port
 */
export function plannedRules(
  present: readonly BackendRules[],
  worker: PlannedWorker,
  plan: Plan,
  kiamPort: number,
): BackendRules[] {
  const { hostIp } = worker;
  if (worker.held || hostIp === undefined) return [...present];
  const targets = { hostIp, kube2iamPort: plan.kube2iam.port, kiamPort };
  const wanted = systemsAfter(worker, plan);
  const home = homeOf(present, targets);
  const backends = present.some(({ backend }) => backend === home)
    ? present
    : [...present, { backend: home, rules: [] }];
  return backends.map(({ backend, rules }) => ({
    backend,
    rules: arrange(rules, wanted, targets, {
      add: backend === home,
      kube2iam: credentialRuleSpec({ ...plan.kube2iam, address: hostIp }),
      kiam: credentialRuleSpec({ interface: plan.agentInterface, address: hostIp, port: kiamPort }),
    }),
  }));
}

/** Whose rules a worker has after the plan, in the order in which they match. */
function systemsAfter(worker: PlannedWorker, plan: Plan): System[] {
  if (!reaches(plan.stage, "agent")) return ["kube2iam"];
  return movesToKiam(worker) ? ["kiam"] : ["kube2iam", "kiam"];
}

/** Where kube2iam's rule is, else kiam's, else where today's iptables writes. */
function homeOf(present: readonly BackendRules[], targets: RuleTargets): Backend {
  for (const system of ["kube2iam", "kiam"] as const) {
    const found = present.find(({ rules }) =>
      rules.some((rule) => systemOfRule(rule, targets) === system),
    );
    if (found !== undefined) return found.backend;
  }
  return "nft";
}

interface Missing {
  /** Whether what is missing goes into these tables. */
  add: boolean;
  kube2iam: string;
  kiam: string;
}

function arrange(
  rules: readonly string[],
  wanted: readonly System[],
  targets: RuleTargets,
  missing: Missing,
): string[] {
  const has = (system: System) => rules.some((rule) => systemOfRule(rule, targets) === system);
  const kept = rules.filter((rule) => {
    const system = systemOfRule(rule, targets);
    return system === undefined || wanted.includes(system);
  });
  if (wanted.includes("kiam") && !has("kiam") && missing.add) kept.push(missing.kiam);
  if (!wanted.includes("kube2iam")) return kept;
  const first = kept.find((rule) => systemOfRule(rule, targets) !== undefined);
  if (first !== undefined && systemOfRule(first, targets) === "kube2iam") return kept;
  // kiam's is in front, or kube2iam's is not there: going back puts it into the first place.
  const [own] = kept.filter((rule) => systemOfRule(rule, targets) === "kube2iam");
  if (own === undefined && !missing.add) return kept;
  return [own ?? missing.kube2iam, ...kept.filter((rule) => rule !== own)];
}
