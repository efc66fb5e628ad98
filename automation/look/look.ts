import { readIamFacts } from "../../cluster/facts/iamFacts.js";
import { readKube2iamLog } from "../../cluster/facts/kube2iamLog.js";
import { observe } from "../../cluster/facts/observe.js";
import { lookOverSsh } from "../../cluster/facts/workersOverSsh.js";
import { kubeConfig } from "../../cluster/kubernetes/kubeConfig.js";
import { audit } from "../../migration/audit/audit.js";
import { isBlocking, type Finding } from "../../migration/audit/finding.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import type { Plan } from "../../migration/plan/plan.js";
import { parseSettings } from "../../migration/settings/parse.js";
import type { Settings } from "../../migration/settings/schema.js";
import type { Situation } from "../../migration/situation/situation.js";
import type { Stage } from "../../migration/stages.js";
import { loadReadStanding } from "../late.js";
import type { Progress } from "../progress.js";
import type { StackStanding } from "../readStanding.js";
import { withPulumi } from "../stack/pulumiFailure.js";
import { readStackSettings } from "../stack/stackConfig.js";

/** Which stack, and where. */
export interface StackPlace {
  /** Its name, such as `staging`. */
  stack: string;
  /** Directory of Pulumi.yaml. */
  cwd: string;
}

/** Where it is shown what is being done. */
export interface Shows {
  progress: Progress;
}

/** What to look at besides the Kubernetes API. */
export interface Looks {
  iam?: boolean;
  /** Log of kube2iam's pods. */
  log?: boolean;
  /** The workers, with the login that the cutover will use. */
  ssh?: boolean;
  /** Whether to really assume the roles, where the operator may assume the kiam-server role. */
  tryAssumeRole?: boolean;
}

/** Whether the workers can be looked at: no login has to be set before stage cutover. */
export function hasLogin({ ssh }: Pick<Settings, "ssh">): boolean {
  return ssh.privateKey !== undefined || ssh.agentSocketPath !== undefined;
}

/**
 * The stack's settings, checked, and all that can be known of its cluster without a change to it.
 *
 * @param options `stage`: judge the cluster for this stage instead of the stack's own
 * @throws SettingsError, or ContactError where the stack or the cluster cannot be read
 */
export async function look(
  { stack, cwd, stage }: StackPlace & { stage?: Stage },
  looks: Looks,
  { progress }: Shows,
): Promise<{ settings: Settings; facts: ClusterFacts }> {
  const raw = await progress.run(`settings of stack ${stack}`, () => readStackSettings(stack, cwd));
  const settings = parseSettings(stage === undefined ? raw : { ...raw, stage });
  const facts = await progress.run("looking at the cluster", () => observe(settings));
  const [iam, kube2iamLog, overSsh] = await Promise.all([
    looks.iam
      ? progress.run("looking at IAM", () =>
          readIamFacts(settings, facts, { tryAssumeRole: looks.tryAssumeRole ?? false }),
        )
      : undefined,
    looks.log
      ? progress.run("reading kube2iam's log", async () =>
          readKube2iamLog(await kubeConfig(settings.kubernetes.context), settings, facts),
        )
      : undefined,
    looks.ssh && hasLogin(settings)
      ? progress.run("looking at the workers over SSH", (step) =>
          lookOverSsh(settings, facts, {
            progress: (done, total) => step.update(`${done} of ${total}`),
          }),
        )
      : undefined,
  ]);
  return { settings, facts: { ...facts, iam, kube2iamLog, overSsh } };
}

/**
 * The plan, all findings, and those that stand in its way. The plan is undefined where what blocks,
 * such as an unknown interface, leaves nothing to plan with.
 */
export function planUnlessBlocked(situation: Situation): {
  findings: Finding[];
  blocking: Finding[];
  plan: Plan | undefined;
} {
  const findings = audit(situation);
  const blocking = findings.filter(isBlocking);
  try {
    return { findings, blocking, plan: makePlan(situation) };
  } catch (error) {
    if (blocking.length === 0) throw error;
    return { findings, blocking, plan: undefined };
  }
}

/** What the stack says of itself: what is in its state, and whether an update is under way. */
export async function lookAtState(
  { stack, cwd }: StackPlace,
  { progress }: Shows,
): Promise<StackStanding> {
  const { readStanding } = loadReadStanding();
  return progress.run("looking at the stack's state", () =>
    withPulumi(stack, cwd, () => readStanding(stack, cwd)),
  );
}
