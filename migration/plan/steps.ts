/** What decides which steps a worker has. */
export interface WorkerCase {
  /** kiam's agent is to run there. */
  hasAgent: boolean;
  /** It is to be moved, or is moved and stays so. */
  moves: boolean;
  /** kube2iam never was there: no rule to capture or to remove, and no need for SSH. */
  kiamOnly: boolean;
  /** Its host key is not in the settings, and a program is asked for it. */
  asksHostKey: boolean;
  /** The way back is rehearsed on it. */
  rehearses: boolean;
  /** It could not be reached when all others went back, and does not move again. */
  owesReturn: boolean;
}

interface StepRow<Step extends string> {
  step: Step;
  when: (worker: WorkerCase) => boolean;
}

/**
 * Which steps a worker has, and in which order. There is no other place for either: the plan takes
 * them from here, and what is printed and what components declare are the plan's steps.
 */
export const workerSteps = {
  /** With the agent, each by itself; components/agent/workerAgent.ts declares them. */
  agent: [
    /** A pod on the worker gets its role from the agent directly, needing no rule. */
    row("shadow-probe", ({ hasAgent }) => hasAgent),
    /** The worker is brought back to kube2iam. */
    row("return", ({ moves, owesReturn }) => owesReturn && !moves),
  ],
  /** After all of the former, each after the one before; components/cutover/workerCutover.ts. */
  cutover: [
    /** Its public host key is asked for, for SSH; see ssh.hostKeyCommand. */
    row("ask-host-key", (worker) => hasRule(worker) && worker.asksHostKey),
    /** kube2iam's rule is read, for the way back. */
    row("capture", hasRule),
    /** kiam's rule is there, and the shadow probe passes again, right before the removal. */
    row("recheck", ({ moves }) => moves),
    /** kube2iam's rule is deleted. */
    row("remove-rule", hasRule),
    /** The rule is put back, a pod gets its role from kube2iam, the rule is deleted again. */
    row("rehearse-undo", (worker) => hasRule(worker) && worker.rehearses),
    /** A pod on the worker gets its role through 169.254.169.254. */
    row("live-probe", ({ moves }) => moves),
  ],
};

type Step<Of extends keyof typeof workerSteps> = (typeof workerSteps)[Of][number]["step"];
export type WorkerStep = Step<"agent"> | Step<"cutover">;

/** As {@link workerSteps} has them; another one is for tests. */
export interface StepTable {
  agent: readonly StepRow<Step<"agent">>[];
  cutover: readonly StepRow<Step<"cutover">>[];
}

export function stepsOf(worker: WorkerCase, { agent, cutover }: StepTable): WorkerStep[] {
  return [...agent, ...cutover].filter(({ when }) => when(worker)).map(({ step }) => step);
}

function hasRule({ moves, kiamOnly }: WorkerCase): boolean {
  return moves && !kiamOnly;
}

function row<Step extends string>(step: Step, when: StepRow<Step>["when"]): StepRow<Step> {
  return { step, when };
}
