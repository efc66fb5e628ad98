import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { captureCompanions, otherReferences } from "./companions.js";
import { applicableManifest } from "./manifest.js";
import { errorAt, progress } from "../protocol/progress.js";

/** kube2iam as it could be applied again, for the way back from its retirement. */
export const captureKube2iam: Gate<"capture-kube2iam"> = async ({ target }) => {
  const context = await GateContext.connect(target);
  const where = context.kube2iamText;
  const live = await context.kube2iam();
  if (live === undefined) {
    throw errorAt(where, `There is no ${where} to capture`, {
      what: "it does not exist",
      why: "it is the way back from its retirement, so it has to be captured before it goes",
      fix: "set kube2iam.namespace and kube2iam.daemonSet to where kube2iam runs",
    });
  }
  const { companions, account } = await captureCompanions(context.cluster, live);
  const notes = otherReferences(live, account).map(
    (reference) =>
      `kube2iam uses ${reference}, which is not captured: the way back needs it to be there`,
  );
  for (const note of notes) progress(note);
  return { manifest: applicableManifest(live, ["spec"]), companions, notes };
};
