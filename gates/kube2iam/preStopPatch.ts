import type { V1DaemonSet } from "@kubernetes/client-node";

import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import type { JsonPatch } from "../../cluster/kubernetes/cluster.js";

/**
 * Takes the dangerous preStop hooks off kube2iam's DaemonSet, and nothing else, without a single
 * pod restarting: a restart would run the old hook. Both in one request, since either change
 * alone would begin a roll-out or leave the hook. It is refused where the containers have changed
 * since they were read.
 */
export function preStopPatch({ spec }: V1DaemonSet): JsonPatch {
  const template = spec?.template.spec;
  const hooked = new Set(dangerousHooks(template).map((hook) => hook.container));
  const removals = (["initContainers", "containers"] as const).flatMap((list) =>
    (template?.[list] ?? []).flatMap(({ name, lifecycle = {} }, index): JsonPatch => {
      if (!hooked.has(name)) return [];
      const path = `/spec/template/spec/${list}/${index}/lifecycle`;
      const isAll = Object.entries(lifecycle).every(
        ([member, value]) => member === "preStop" || value === undefined,
      );
      return [
        { op: "test", path, value: lifecycle },
        { op: "remove", path: isAll ? path : `${path}/preStop` },
      ];
    }),
  );
  return [...removals, { op: "add", path: "/spec/updateStrategy", value: { type: "OnDelete" } }];
}
