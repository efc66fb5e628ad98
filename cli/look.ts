import { observe } from "../cluster/facts/observe.js";
import type { ClusterFacts } from "../migration/facts/clusterFacts.js";
import { kubeConfig } from "../cluster/kubernetes/api.js";
import type { Settings } from "../migration/settings/schema.js";
import { readIamFacts } from "../cluster/facts/iamFacts.js";
import { readKube2iamLog } from "../cluster/facts/kube2iamLog.js";
import { lookOverSsh } from "../cluster/facts/workersOverSsh.js";
import type { Terminal } from "./command.js";

/** What a command looks at besides the Kubernetes API. */
export interface Looks {
  iam: boolean;
  /** Log of kube2iam's pods. */
  log: boolean;
  /** The workers, with the login that the cutover will use. */
  ssh: boolean;
  /** Whether to really assume the roles, where the operator may assume the kiam-server role. */
  tryAssumeRole?: boolean;
}

/** Whether the workers can be looked at: before stage cutover nobody has to have set a login. */
export function hasLogin({ ssh }: Pick<Settings, "ssh">): boolean {
  return ssh.privateKey !== undefined || ssh.agentSocketPath !== undefined;
}

/** Everything that can be known without changing anything. */
export async function look(
  settings: Settings,
  looks: Looks,
  { progress }: Terminal,
): Promise<ClusterFacts> {
  const facts = await progress.run("looking at the cluster", () => observe(settings));
  const iam = async () =>
    looks.iam
      ? progress.run("looking at IAM", () =>
          readIamFacts(settings, facts, { tryAssumeRole: looks.tryAssumeRole ?? false }),
        )
      : undefined;
  const log = async () =>
    looks.log
      ? progress.run("reading kube2iam's log", async () =>
          readKube2iamLog(await kubeConfig(settings.kubernetes.context), settings, facts),
        )
      : undefined;
  const ssh = async () =>
    looks.ssh && hasLogin(settings)
      ? progress.run("looking at the workers over SSH", (step) =>
          lookOverSsh(settings, facts, {
            progress: (done, total) => step.update(`${done} of ${total}`),
          }),
        )
      : undefined;
  const [iamFacts, kube2iamLog, overSsh] = await Promise.all([iam(), log(), ssh()]);
  return { ...facts, iam: iamFacts, kube2iamLog, overSsh };
}
