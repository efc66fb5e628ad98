import { nameOf } from "../../cluster/kubernetes/objects.js";
import type { Gate } from "../protocol/inputs.js";
import { errorAt } from "../protocol/progress.js";

/**
 * Checks before kube2iam goes that what was captured is kube2iam. The undo of this gate is the way
 * back (restore-kube2iam), and stands in the stack's state before the retirement begins: a
 * retirement that fails half-way is not in the state, and would have no undo of its own.
 */
export const checkRestore: Gate<"check-restore"> = ({ target, manifest }) => {
  const { namespace, name } = nameOf(manifest);
  if (
    manifest.kind === "DaemonSet" &&
    namespace === target.kube2iam.namespace &&
    name === target.kube2iam.daemonSet
  ) {
    return Promise.resolve({});
  }
  const where = `${manifest.kind} ${namespace}/${name}`;
  throw errorAt(where, "What was captured is not kube2iam; it was not retired", {
    what: `DaemonSet ${target.kube2iam.namespace}/${target.kube2iam.daemonSet} was to be captured`,
    why: "it is the way back",
    fix: "set kube2iam.namespace and kube2iam.daemonSet back, or go back to stage cutover, where it is captured anew by the next retirement",
  });
};
