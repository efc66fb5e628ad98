import assert from "node:assert/strict";

import {
  describePending,
  pendingIn,
  whatFollows,
} from "../../../automation/recover/pendingOperations.js";

/* Pure. That a killed engine leaves such a state is proven in test/engine/interruptedUpdate. */

const prefix = "urn:pulumi:lab::kube2iam-to-kiam::kube2iam-to-kiam:index:ClusterMigration$";

function state(...pending: [type: string, urn: string][]) {
  const anchors = ["worker-2", "ip-10-0-0-1.ec2.internal"].map((worker) => ({
    urn: `${prefix}kube2iam-to-kiam:index:WorkerAgent$kubernetes:core/v1:NodePatch::${worker}-anchor`,
  }));
  return {
    version: 3,
    deployment: {
      resources: [...anchors, { urn: `${prefix}command:local:Command::kiam-server` }],
      pending_operations: pending.map(([type, urn]) => ({ type, resource: { urn } })),
    },
  };
}

describe("pending operations", () => {
  it("are none in a stack without a state, and in one without any", () => {
    assert.deepEqual(pendingIn({ version: 3, deployment: null }), []);
    assert.deepEqual(pendingIn(state()), []);
  });

  it("name the worker of a cutover", () => {
    const urn = `${prefix}kube2iam-to-kiam:index:WorkerCutover$command:remote:Command::ip-10-0-0-1.ec2.internal-cutover-removal`;
    const [operation, ...others] = pendingIn(state(["creating", urn]));
    assert.equal(others.length, 0);
    assert.ok(operation !== undefined);
    assert.equal(
      describePending(operation),
      "creating over SSH: ip-10-0-0-1.ec2.internal-cutover-removal (ip-10-0-0-1.ec2.internal)",
    );
    assert.match(whatFollows(operation), /going back does not undo it/);
  });

  it("name every worker, where a component acts on all of them", () => {
    for (const component of ["KiamAgent", "Fallback", "Kube2iamRetirement"]) {
      const urn = `${prefix}kube2iam-to-kiam:index:${component}$command:local:Command::some-gate`;
      const [operation] = pendingIn(state(["deleting", urn]));
      assert.deepEqual(operation?.workers, ["worker-2", "ip-10-0-0-1.ec2.internal"], component);
    }
  });

  it("name no worker, where none is changed", () => {
    const urn = `${prefix}kube2iam-to-kiam:index:IamRoles$aws:iam/role:Role::kiam-server`;
    const [operation] = pendingIn(state(["creating", urn]));
    assert.ok(operation !== undefined);
    assert.deepEqual(operation.workers, []);
    assert.match(whatFollows(operation), /fails and says so/);
  });

  it("tell objects that can be taken over: being made, in a namespace, and no patch", () => {
    const made = (operation: string, kind: string, inputs?: object) => {
      const urn = `${prefix}kubernetes:${kind}::x`;
      const pending_operations = [{ type: operation, resource: { urn, inputs } }];
      const [pending] = pendingIn({ version: 3, deployment: { pending_operations } });
      return pending?.objectBeingMade;
    };
    const inKiam = { metadata: { name: "x", namespace: "kiam" } };
    assert.equal(made("creating", "apps/v1:DaemonSet", inKiam), true);
    assert.equal(made("updating", "apps/v1:DaemonSet", inKiam), false);
    assert.equal(made("creating", "core/v1:Namespace", { metadata: { name: "kiam" } }), false);
    assert.equal(made("creating", "core/v1:ServiceAccountPatch", inKiam), false);
    assert.equal(
      made("creating", "core/v1:Secret", { "4dabf1": "1b47061264138c4ac30d75fd1eb44270" }),
      false,
    );
    assert.equal(made("creating", "core/v1:Secret"), false);
  });
});
