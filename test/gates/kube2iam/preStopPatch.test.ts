import assert from "node:assert/strict";

import type { V1DaemonSet, V1PodSpec } from "@kubernetes/client-node";

import { preStopPatch } from "../../../gates/kube2iam/preStopPatch.js";

/* Pure. That the API server takes the patch is test/gates/retirement/kube2iamLifecycle.test.ts. */

const preStop = { exec: { command: ["/cleanup.sh"] } };
const onDelete = { op: "add", path: "/spec/updateStrategy", value: { type: "OnDelete" } };

function patch(spec: V1PodSpec) {
  return preStopPatch({ spec: { template: { spec } } } as V1DaemonSet);
}

describe("the patch that takes preStop hooks off", () => {
  it("takes off dangerous ones only, and sees that they are where they were", () => {
    const lifecycle = { preStop };
    const waits = { preStop: { exec: { command: ["sleep", "5"] } } };
    assert.deepEqual(
      patch({
        containers: [
          { name: "waits", lifecycle: waits },
          { name: "kube2iam", lifecycle },
        ],
        initContainers: [{ name: "sidecar", lifecycle }, { name: "plain" }],
      }),
      [
        { op: "test", path: "/spec/template/spec/initContainers/0/lifecycle", value: lifecycle },
        { op: "remove", path: "/spec/template/spec/initContainers/0/lifecycle" },
        { op: "test", path: "/spec/template/spec/containers/1/lifecycle", value: lifecycle },
        { op: "remove", path: "/spec/template/spec/containers/1/lifecycle" },
        onDelete,
      ],
    );
  });

  it("leaves a postStart hook", () => {
    const postStart = { exec: { command: ["/greet.sh"] } };
    const operations = patch({
      containers: [{ name: "kube2iam", lifecycle: { preStop, postStart } }],
    });
    assert.deepEqual(operations[1], {
      op: "remove",
      path: "/spec/template/spec/containers/0/lifecycle/preStop",
    });
  });

  it("keeps running pods where only they have a hook", () => {
    assert.deepEqual(patch({ containers: [{ name: "kube2iam" }] }), [onDelete]);
  });
});
