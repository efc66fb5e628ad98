import { Cluster } from "../cluster.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { applicableManifest } from "../kube2iamManifest.js";
import { GateError } from "../problem.js";

/** kube2iam's DaemonSet as it could be applied again, for the way back from its retirement. */
export async function captureKube2iam({
  target,
}: CheckedInput<"capture-kube2iam">): Promise<GateOutput<"capture-kube2iam">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const { namespace, daemonSet } = target.kube2iam;
  const live = await cluster.daemonSet({ namespace, name: daemonSet });
  if (live === undefined) {
    throw new GateError(`There is no DaemonSet ${namespace}/${daemonSet} to capture`, [
      {
        where: `DaemonSet ${namespace}/${daemonSet}`,
        what: "it does not exist",
        why: "it is the way back from its retirement, so it has to be captured before it goes",
        fix: "set kube2iam.namespace and kube2iam.daemonSet to where kube2iam runs",
      },
    ]);
  }
  return { manifest: applicableManifest(live) };
}
