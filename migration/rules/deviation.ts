import type { NatState } from "./nodeReport.js";

/*
 * What a worker's nat tables are like now: a hand or a hook can change them without any trace in
 * Kubernetes, so they are read anew before every plan.
 */

/** What was read from a worker whose agent is there, or why it could not be. */
export type RuleState =
  | {
      inForce: NatState["inForce"];
      /** With `unknown`: what in front of the rules, or unreadable among them, is to blame. */
      unclear?: string;
      /** Number of kube2iam's rules. */
      kube2iam: number;
      /** Whether kiam's agent answers there, down to its server. */
      kiamHealthy: boolean;
      /** Established connections to kube2iam there, by the client's address; the worker's own left out. */
      kube2iamClients?: Readonly<Record<string, number>>;
    }
  | { unread: string; forbidden: boolean };

/** What is not as a moved worker has it; undefined where all is well. */
export function deviation(state: RuleState): string | undefined {
  if ("unread" in state) return `its rules could not be read: ${state.unread}`;
  const seen = [
    {
      kube2iam: "kube2iam's rule comes first",
      none: "neither system's rule is there: pods read the node's own role",
      unknown: state.unclear ?? "the order of the rules cannot be told",
      kiam: undefined,
    }[state.inForce],
    state.inForce === "kiam" && state.kube2iam > 0
      ? "kube2iam's rule is there again, behind kiam's"
      : undefined,
    state.kiamHealthy ? undefined : "kiam's agent does not answer there",
  ].filter((each) => each !== undefined);
  return seen.length === 0 ? undefined : seen.join("; ");
}
