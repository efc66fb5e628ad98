import type { V1Pod } from "@kubernetes/client-node";

import { dangerousHooks, type PreStopHook } from "../../migration/kube2iam/preStop.js";
import type { Cluster, ObjectName } from "../../cluster/kubernetes/cluster.js";
import { waitForConnections } from "../retirement/connections.js";
import { disarmPod } from "./disarm.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { requireKiamRule } from "../cutover/kiamRule.js";
import { restartKube2iam } from "./restart.js";
import { removeNewRule } from "./rule.js";
import { NodeRules } from "../../cluster/rules/nodeRules.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";

/**
 * For a worker that is proven to be served by kiam: replaces a pod of kube2iam's that was made
 * with a dangerous preStop hook by one without. A disarmed hook is armed again when its container
 * restarts; from here on there is none. Leaves every other pod alone.
 *
 * A pod to which clients still hold connections stays, disarmed, since they would be reset. Should
 * its container restart, it inserts its rule again, and the worker is cut over anew for that.
 *
 * @returns the new pod; undefined where none was replaced
 */
export async function replaceHookedPod(
  cluster: Cluster,
  target: Target,
  worker: Worker,
): Promise<V1Pod | undefined> {
  const old = (await NodeRules.read(cluster, target)).pod("kube2iam", worker);
  if (old === undefined || dangerousHooks(old.spec).length === 0) return undefined;
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const daemonSet = await cluster.daemonSet(name);
  if (daemonSet === undefined) return undefined;
  const [hook] = dangerousHooks(daemonSet.spec?.template.spec);
  if (hook !== undefined) {
    throw new GateError(`kube2iam's pod on ${worker.name} is not replaced`, [
      hookIsBack(
        name,
        hook,
        "the next pod would be made with it as well, and delete kiam's rule when it goes",
      ),
    ]);
  }
  await disarmPod(cluster, old);
  const noWait = { waitSeconds: 0, then: "proceed" } as const;
  if ((await waitForConnections(cluster, target, [worker], noWait)).length > 0) {
    progress(`${worker.name}: so its pod stays for now; its preStop hook is disarmed`);
    return undefined;
  }
  const fresh = await restartKube2iam(cluster, daemonSet, { target, worker, old });
  await requireKiamRule(cluster, target, worker);
  await removeNewRule(cluster, daemonSet, target, worker);
  return fresh;
}

/** kube2iam's DaemonSet has a preStop hook that an earlier update took off it. */
export function hookIsBack(
  { namespace, name }: ObjectName,
  { command }: PreStopHook,
  why: string,
): Problem {
  return {
    where: `DaemonSet ${namespace}/${name}`,
    what: `it has its preStop hook again: ${command.join(" ")}`,
    why,
    fix: "take the hook out of what kube2iam is deployed from, and run the update again, which neutralises it",
  };
}
