import type { V1Pod } from "@kubernetes/client-node";

import { dangerousHooks, type PreStopHook } from "../../migration/kube2iam/preStop.js";
import { waitForConnections } from "../retirement/waitForConnections.js";
import { disarmPod } from "./disarm.js";
import type { Worker } from "../../migration/situation/target.js";
import { requireKiamRule } from "../cutover/kiamRule.js";
import { restartKube2iam } from "./pods.js";
import { removeNewRule } from "./rule.js";
import type { GateError } from "../../migration/text/problem.js";
import type { GateContext } from "../protocol/context.js";
import { errorAt, progress } from "../protocol/progress.js";

/**
 * For a worker that is proven to be served by kiam: replaces a pod of kube2iam that was made with
 * a dangerous preStop hook by one without. A disarmed hook is armed again when its container
 * restarts; from here on there is none. Leaves every other pod alone.
 *
 * A pod to which clients still hold connections stays, disarmed, since they would be reset. If its
 * container restarts, it inserts its rule again, and the next update cuts the worker over anew.
 *
 * @returns the new pod; undefined where none was replaced
 */
export async function replaceHookedPod(
  context: GateContext,
  worker: Worker,
): Promise<V1Pod | undefined> {
  const old = (await context.rules()).pod("kube2iam", worker);
  if (old === undefined || dangerousHooks(old.spec).length === 0) return undefined;
  const daemonSet = await context.kube2iam();
  if (daemonSet === undefined) return undefined;
  const [hook] = dangerousHooks(daemonSet.spec?.template.spec);
  if (hook !== undefined) {
    const finding = `kube2iam's pod on ${worker.name} is not replaced`;
    const why = "the next pod would be made with it as well, and delete kiam's rule when it goes";
    throw hookIsBack(context, hook, finding, why);
  }
  await disarmPod(context.cluster, old);
  const noWait = { waitSeconds: 0, then: "proceed" } as const;
  if ((await waitForConnections(context, [worker], noWait)).length > 0) {
    progress(`${worker.name}: so kube2iam's pod stays for now; its preStop hook is disarmed`);
    return undefined;
  }
  const fresh = await restartKube2iam(context, daemonSet, worker, old);
  await requireKiamRule(context, worker);
  await removeNewRule(context, daemonSet, worker);
  return fresh;
}

/** kube2iam's DaemonSet has a preStop hook that an earlier update took off it. */
export function hookIsBack(
  context: GateContext,
  { command }: PreStopHook,
  finding: string,
  why: string,
): GateError {
  return errorAt(context.kube2iamText, finding, {
    what: `it has its preStop hook again: ${command.join(" ")}`,
    why,
    fix: "take the hook out of what kube2iam is deployed from, and run the update again, which neutralises it",
  });
}
