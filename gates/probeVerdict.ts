import { z } from "zod";

const verdictSchema = z.object({
  /** failed: no usable answer until time was up. */
  verdict: z.enum(["right", "wrong", "failed"]),
  /** What the list of credentials answered last; empty where it did not answer. */
  role: z.string(),
  /** `Code` of the credentials document. */
  code: z.string(),
  /** Its `Expiration`. */
  expiration: z.string(),
  /** Why the last attempt was not right. */
  error: z.string(),
  attempts: z.number(),
  failures: z.number(),
  milliseconds: z.number(),
});

/** What gates/probe.sh found. */
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
export interface ProbeQuestion {
  /** The role of the pod's annotation. */
  role: string;
  /** `10.0.0.1:8881`, or `169.254.169.254`. */
  address: string;
}

/** Why a verdict is not right, and what to do about it, as far as the answers tell. */
export function explainVerdict(
  verdict: ProbeVerdict,
  { role, address }: ProbeQuestion,
): { what: string; why?: string; fix?: string } {
  const tries = `after ${verdict.attempts} ${verdict.attempts === 1 ? "attempt" : "attempts"}`;
  if (verdict.verdict === "wrong") {
    return {
      what: `${address} answered the role ${verdict.role} to a pod annotated with ${role} (${tries})`,
      why:
        "pods would act as somebody else, and SDKs keep such credentials for hours; " +
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
