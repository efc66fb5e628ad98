import { z } from "zod";

import type { System } from "../../migration/rules/natRule.js";
import type { Problem } from "../../migration/text/problem.js";

/** Text of at most so many characters. Any program may have answered it, so only printable ASCII. */
const text = (characters: number) =>
  z
    .string()
    .max(characters)
    .regex(/^[ -~]*$/);

const identity = z.object({
  /**
   * By what only one system answers. nobody: neither, but EC2's metadata service itself; unclear:
   * both marks, neither mark, or no answer.
   */
  who: z.enum(["kiam", "kube2iam", "nobody", "unclear"]),
  /** What came back for /ping: the answer, or what wget said of the error. */
  ping: text(160),
  /** The same for /healthz. */
  healthz: text(160),
});
type Identity = z.output<typeof identity>;

const verdictSchema = z
  .object({
    /**
     * failed: no usable answer until time was up. unclear: the answers were right, but until time was
     * up it could not be told who gave them.
     */
    verdict: z.enum(["right", "wrong", "failed", "unclear"]),
    /** What the list of credentials answered last; empty where it did not answer. */
    role: text(300),
    /** `Code` of the credentials document. */
    code: text(60),
    /** Its `Expiration`. */
    expiration: text(60),
    /** Why the last attempt was not right. */
    error: text(600),
    attempts: z.number(),
    failures: z.number(),
    milliseconds: z.number(),
    /** Who answered right before the first of the consecutive requests for credentials. */
    before: identity,
    /** Who answered right after the last one; null where they were not right. */
    after: identity.nullable(),
  })
  .refine(({ verdict, after }) => verdict !== "right" || after !== null)
  .refine(
    ({ verdict, before, after }) => verdict !== "unclear" || (after ?? before).who === "unclear",
  );

/** What worker/probe/probe.sh found. */
export type ProbeVerdict = z.output<typeof verdictSchema>;

/** Reads a probe pod's termination message; undefined where it is not a verdict. */
export function parseVerdict(message: string | undefined): ProbeVerdict | undefined {
  if (message === undefined) return undefined;
  try {
    return verdictSchema.parse(JSON.parse(message));
  } catch {
    return undefined;
  }
}

/** What a probe asked, for explanations. */
interface ProbeQuestion {
  /** The role of the pod's annotation. */
  role: string;
  /** `10.0.0.1:8881`, or {@link metadataService}. */
  address: string;
  /** Who has to answer there. */
  expected: System;
}

/** Where EC2 answers, or the system that intercepts it. */
export const metadataService = "169.254.169.254";

type Explanation = Omit<Problem, "where">;

/**
 * What is wrong where not the expected system answered, or not the same one throughout, or it is not
 * clear which; undefined where it was the expected one.
 */
export function explainIdentity(
  { before, after }: ProbeVerdict,
  { address, expected }: ProbeQuestion,
): Explanation | undefined {
  const last = after ?? before;
  if (before.who === expected && last.who === expected) return undefined;
  if (before.who === "unclear" || last.who === "unclear") {
    return {
      what: `who answers at ${address} is not clear: ${answers(before.who === "unclear" ? before : last)}`,
      why: "credentials do not tell who gave them, and what cannot be checked does not count as right",
      fix:
        "from a pod on that worker, kiam's agent answers /ping with pong, and kube2iam (since 0.6.0) /healthz with JSON; " +
        "see what stands between the pod and them",
    };
  }
  if (before.who !== last.who) {
    return {
      what: `${called[before.who]} answered at ${address} before the requests for credentials, ${called[last.who]} after them: ${answers(before)}; then ${answers(last)}`,
      why: "something redirects this worker's pods now here, now there",
      fix: whereToLook(address),
    };
  }
  return {
    what: `${called[last.who]} answers at ${address}, not ${expected}: ${answers(last)}`,
    why:
      last.who === "nobody"
        ? "no rule intercepts this worker's pods, so that they are given the node's own role"
        : `${last.who} supplies this worker's pods with credentials there, whatever its rules say`,
    fix: whereToLook(address),
  };
}

/** Who answered from the first to the last request; undefined where that changed or is not clear. */
export function whoAnswered(verdict: ProbeVerdict | undefined): {
  who: System | "nobody" | undefined;
  answers: string;
} {
  if (verdict === undefined) return { who: undefined, answers: "the probe gave no verdict" };
  const { before } = verdict;
  const last = verdict.after ?? before;
  const clear = before.who === last.who && last.who !== "unclear" ? last.who : undefined;
  return {
    who: clear,
    answers: `${clear === undefined ? "it is not clear who answers" : `${called[clear]} answers`} (${answers(last)})`,
  };
}

const called = { kiam: "kiam", kube2iam: "kube2iam", nobody: "EC2's metadata service itself" };

function answers({ ping, healthz }: Identity): string {
  return `/ping: ${ping.trim() || "nothing"}; /healthz: ${healthz.trim() || "nothing"}`;
}

function whereToLook(address: string): string {
  return address === metadataService
    ? "look at everything that redirects 169.254.169.254 on this worker: iptables-nft and iptables-legacy -t nat -S PREROUTING, " +
        "nft list ruleset (native tables), and what the CNI does (Cilium's local redirect policies)"
    : "see who listens on this port of the worker (ss -ltnp), and whether it is the one that kiam's and kube2iam's flags name";
}

/** Why a verdict is not right, and what to do about it, as far as the answers tell. */
export function explainVerdict(
  verdict: ProbeVerdict,
  { role, address }: ProbeQuestion,
): Explanation {
  const tries = `after ${verdict.attempts} ${verdict.attempts === 1 ? "attempt" : "attempts"}`;
  if (verdict.verdict === "wrong") {
    return {
      what: `${address} answered the role ${verdict.role} to a pod annotated with ${role} (${tries})`,
      why:
        "pods would act as another role, and SDKs keep such credentials for hours; " +
        "a node's own role is what EC2's metadata service answers where no rule intercepts pods",
      fix: "look at the worker's nat rules (iptables -t nat -S PREROUTING), and at who answers there",
    };
  }
  const what = `no right answer from ${address} ${tries} in ${Math.round(verdict.milliseconds / 1000)} s; the last: ${verdict.error || "none"}`;
  const hint = hints.find(({ matches }) => matches.test(verdict.error));
  return hint === undefined ? { what } : { what, why: hint.why, fix: hint.fix };
}

const hints: { matches: RegExp; why: string; fix: string }[] = [
  {
    matches: /\b401\b/,
    why: "neither kiam nor kube2iam answers 401; EC2's metadata service does where it requires tokens, so no rule intercepts this pod",
    fix: "look at the worker's nat rules (iptables -t nat -S PREROUTING)",
  },
  {
    matches: /refused/i,
    why: "nothing listens there: the agent is not running or still waits for kiam's server",
    fix: "see the log of the worker's agent pod",
  },
  {
    matches: /timed? ?out/i,
    why: "the agent did not answer in time, or the packets do not reach it",
    fix: "see the agent's log for errors about the server; check that the host's firewall lets pods reach this port",
  },
  {
    matches: /\b(404|500)\b|not a success/i,
    why: "the agent answers, but has no role for this pod",
    fix: "the namespace's iam.amazonaws.com/permitted must match the role's ARN, the role must exist, and the kiam-server role must be allowed to assume it; the servers' logs name which",
  },
];
