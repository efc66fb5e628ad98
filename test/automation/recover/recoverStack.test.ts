import assert from "node:assert/strict";

import { ConcurrentUpdateError, type Stack } from "@pulumi/pulumi/automation";

import { silentProgress } from "../../../automation/progress.js";
import { clearedAnswer } from "../../../automation/recover/recoverKnowingly.js";
import { clearLeft, findLeft, type Clearing } from "../../../automation/recover/recoverStack.js";
import { recoverAsText, recoverExitCode } from "../../../cli/recover/recoverAnswer.js";

/*
 * What comes of a recovery, on a stack of every behaviour whose backend lists no locks. That a killed
 * engine leaves such a stack, and that it is recovered, is for test/engine.
 */

const prefix = "urn:pulumi:staging::kube2iam-to-kiam::kube2iam-to-kiam:index:ClusterMigration$";
const daemonSet = `${prefix}kube2iam-to-kiam:index:KiamServer$kubernetes:apps/v1:DaemonSet::kiam-server`;
const record = `${prefix}kube2iam-to-kiam:index:KiamFoundation$kubernetes:core/v1:ConfigMap::kiam-record`;

interface Behaviour {
  pending: [type: string, urn: string][];
  /** Resources of the state, beside those whose deletion is pending. */
  resources?: { urn: string; delete?: boolean }[];
  up?: () => Promise<never>;
}

function fakeStack({ pending, resources = [], up }: Behaviour): Stack {
  let operations = pending.map(([type, urn]) => ({
    type,
    resource: { urn, inputs: { metadata: { namespace: "kiam" } } },
  }));
  return {
    name: "staging",
    workspace: {
      envVars: {},
      whoAmI: () => Promise.resolve({ url: "s3://state" }),
      projectSettings: () => Promise.resolve({ name: "kube2iam-to-kiam" }),
      pulumiCommand: {
        run: ([, what]: string[]) => {
          const deployment = { resources, pending_operations: operations };
          const exported = what === "export" ? JSON.stringify({ version: 3, deployment }) : "";
          return Promise.resolve({ stdout: exported });
        },
      },
    },
    importStack: () => {
      operations = [];
      return Promise.resolve();
    },
    up,
  } as unknown as Stack;
}

async function clear(behaviour: Behaviour): Promise<Clearing> {
  const stack = fakeStack(behaviour);
  const found = await findLeft(stack);
  assert.ok(found.is === "left");
  return clearLeft(stack, found.interruption, {
    look: () => Promise.resolve([]),
    progress: silentProgress,
  });
}

describe("what comes of a recovery", () => {
  it("has failed where what was being made is not all taken over, and says what is cleared", async () => {
    const up = () => Promise.reject(new Error("the API server refuses it"));
    const clearing = await clear({ pending: [["creating", daemonSet]], up });
    assert.equal(clearing.outcome, "failed");
    const answer = clearedAnswer("staging", "server", clearing);
    assert.match(answer.said, /the API server refuses it\n.*is cleared, but .* not all taken over/);
    assert.match(answer.said, /delete that object: nothing uses it yet/);
    assert.deepEqual(answer.next, [
      "kiam-migrate migrate --stack staging --to server",
      "kiam-migrate status --stack staging",
    ]);
    assert.equal(recoverExitCode(answer), 3);
    const told = { stack: "staging", left: [], workers: [], ...answer };
    assert.match(recoverAsText(told), /Next:\n {2}kiam-migrate migrate --stack staging/);
  });

  it("offers the way that is right by the state also where it has failed", async () => {
    const up = () => Promise.reject(new Error("the API server refuses it"));
    const agent = daemonSet.replace("KiamServer", "KiamAgent").replace("server", "agent");
    const pending: Behaviour["pending"] = [["creating", daemonSet]];
    const clearing = await clear({ pending, resources: [{ urn: agent }], up });
    const { said, next } = clearedAnswer("staging", "server", clearing);
    assert.deepEqual(next, [
      "kiam-migrate rollback --stack staging --to server",
      "kiam-migrate status --stack staging",
    ]);
    assert.match(said, /not all taken over.*\nIt was on its way back to stage server\.$/);
  });

  it("is that another update runs where the engine is refused meanwhile", async () => {
    const refused = {
      stderr: "the stack is currently locked",
      stdout: "",
      code: 255,
      err: undefined,
    };
    const up = () => Promise.reject(new ConcurrentUpdateError(refused as never));
    const clearing = await clear({ pending: [["creating", daemonSet]], up });
    assert.equal(clearing.outcome, "locked");
    const { next } = clearedAnswer("staging", "server", clearing);
    assert.deepEqual(next, ["kiam-migrate status --stack staging --watch"]);
  });

  it("names the one way that is right after a deletion, by what the state holds", async () => {
    const way = async (behaviour: Behaviour) => {
      const clearing = await clear(behaviour);
      assert.equal(clearing.outcome, "recovered");
      const { said, next } = clearedAnswer("staging", "prepare", clearing);
      return [next[0], said.split("\n")[1]];
    };
    const pending: Behaviour["pending"] = [["deleting", record]];
    assert.deepEqual(await way({ pending, resources: [{ urn: record }] }), [
      "kiam-migrate rollback --stack staging --all",
      "Everything was being taken away: ConfigMap kiam-record may be gone, and going forward would take it for untouched.",
    ]);
    const resources = [{ urn: record }, { urn: record, delete: true }];
    assert.deepEqual(await way({ pending, resources }), [
      "kiam-migrate migrate --stack staging --to prepare",
      "It was on its way to stage prepare, and had come to what that no longer has: ConfigMap kiam-record.",
    ]);
  });
});
