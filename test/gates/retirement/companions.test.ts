import assert from "node:assert/strict";

import type { V1DaemonSet, V1PodSpec } from "@kubernetes/client-node";

import { selectorText } from "../../../cluster/kubernetes/objects.js";
import { otherReferences } from "../../../gates/retirement/companions.js";

/* Pure. What is read from a cluster is test/gates/retirement/kube2iamLifecycle.test.ts. */

function references(spec: Partial<V1PodSpec>): string[] {
  const daemonSet = {
    metadata: { namespace: "kube-system", name: "kube2iam" },
    spec: { template: { spec: { containers: [], ...spec } } },
  } as unknown as V1DaemonSet;
  return otherReferences(daemonSet, { imagePullSecrets: [{ name: "pull" }] });
}

describe("what kube2iam uses beside what is captured", () => {
  it("is named once each, wherever it is used", () => {
    const found = references({
      imagePullSecrets: [{ name: "pull" }, { name: "registry" }],
      volumes: [
        { name: "a", configMap: { name: "files" } },
        { name: "b", secret: { secretName: "certificates" } },
        { name: "c", projected: { sources: [{ secret: { name: "projected" } }] } },
        { name: "d", hostPath: { path: "/etc/ssl/certs" } },
      ],
      initContainers: [{ name: "first", envFrom: [{ configMapRef: { name: "environment" } }] }],
      containers: [
        {
          name: "kube2iam",
          env: [
            { name: "KEY", valueFrom: { secretKeyRef: { name: "keys", key: "key" } } },
            { name: "AGAIN", valueFrom: { secretKeyRef: { name: "keys", key: "other" } } },
            { name: "HOST_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          ],
        },
      ],
    });
    assert.deepEqual(found, [
      "ConfigMap kube-system/environment",
      "ConfigMap kube-system/files",
      ...["certificates", "keys", "projected", "pull", "registry"].map(
        (name) => `Secret kube-system/${name}`,
      ),
    ]);
  });
});

describe("a label selector for a list call", () => {
  it("has every label and expression, so that nobody else's pods are found", () => {
    assert.equal(
      selectorText({
        matchLabels: { app: "kube2iam", tier: "node" },
        matchExpressions: [
          { key: "track", operator: "In", values: ["a", "b"] },
          { key: "test", operator: "NotIn", values: ["yes"] },
          { key: "present", operator: "Exists" },
          { key: "absent", operator: "DoesNotExist" },
        ],
      }),
      "app=kube2iam,tier=node,track in (a,b),test notin (yes),present,!absent",
    );
    assert.equal(selectorText(undefined), "");
  });
});
