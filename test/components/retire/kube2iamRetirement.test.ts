import assert from "node:assert/strict";

import * as k8s from "@pulumi/kubernetes";

import { gateTarget } from "../../../migration/situation/target.js";
import { Kube2iamRetirement } from "../../../components/retire/kube2iamRetirement.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { situationOf } from "../../../migration/situation/situation.js";
import { plannedWorkers } from "../../../migration/plan/plan.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import { exampleFacts, exampleSettings } from "../../support/exampleCluster.js";
import { MockEngine } from "../../support/mockEngine.js";

/* Proves what is declared, and in which order. What the gates and the script do with it is proven elsewhere. */

const local = "command:local:Command";
const remote = "command:remote:Command";
const nodePatch = "kubernetes:core/v1:NodePatch";

const captured = {
  manifest: { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "kube2iam" } },
  companions: [{ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "kube2iam" } }],
  notes: [],
};

async function declare(
  retirement: SettingsInput["retirement"],
  facts: Partial<ClusterFacts> = {},
): Promise<MockEngine> {
  const settings = parseSettings(exampleSettings({ retirement }));
  const plan = makePlan(situationOf(settings, exampleFacts(facts)));
  const engine = await MockEngine.start({
    [local]: () => ({ stdout: JSON.stringify(captured), stderr: "" }),
    [remote]: () => ({ stdout: "", stderr: "" }),
    [nodePatch]: () => ({}),
  });
  await engine.run(
    () =>
      new Kube2iamRetirement("kube2iam-retirement", {
        probe: plan.probe!,
        retirement: settings.retirement,
        ssh: settings.ssh,
        target: gateTarget(settings, plan.kube2iam),
        workers: plannedWorkers(plan).map((worker) => ({
          worker,
          hostKey: worker.hostKey,
          anchor: new k8s.core.v1.NodePatch(`${worker.name}-anchor`, {
            metadata: { name: worker.name },
          }),
        })),
        outside: [],
        drainAttempt: plan.drainAttempt,
      }),
  );
  return engine;
}

const drains = ["worker-1", "worker-2", "worker-3"].map((name) => `${name}-retirement-drain`);

function drainCommand(engine: MockEngine): string {
  return String(engine.get(remote, "worker-2-retirement-drain").inputs.create);
}

describe("Kube2iamRetirement", () => {
  it("hands the retirement, and the way back, what was captured", async () => {
    const engine = await declare({ waitSeconds: 60, then: "proceed" });
    const { create, stdin } = engine.get(local, "kube2iam-retirement").inputs;
    assert.match(String(create), / retire-kube2iam$/);
    const input = JSON.parse(String(stdin)) as Record<string, unknown>;
    assert.deepEqual(input.manifest, captured.manifest);
    const undo = engine.get(local, "kube2iam-retirement-undo").inputs;
    assert.match(String(undo.delete), / restore-kube2iam$/);
    const back = JSON.parse(String(undo.stdin)) as Record<string, unknown>;
    assert.deepEqual(back.manifest, captured.manifest);
    assert.deepEqual(back.companions, captured.companions);
    assert.deepEqual(input.connections, { waitSeconds: 60, then: "proceed" });
    assert.equal(input.pace, "worker");
  });

  it("has its way back in the state before it begins, in case it fails half-way", async () => {
    const engine = await declare({});
    const [retirement, undo] = ["kube2iam-retirement", "kube2iam-retirement-undo"];
    assert.ok(engine.comesAfter(`${local} ${retirement}`, `${local} ${undo}`));
    assert.equal(engine.get(local, retirement).inputs.delete, undefined);
  });

  it("captures once, whatever changes in the command", async () => {
    const engine = await declare({});
    assert.deepEqual(engine.options(local, "kube2iam-retirement-capture").ignoreChanges, [
      "create",
      "stdin",
      "dir",
    ]);
  });

  it("closes no connection unless told to", async () => {
    assert.deepEqual((await declare({})).namesOf(remote), []);
  });

  it("closes those that are left before kube2iam goes, where it is to go all the same", async () => {
    const engine = await declare({ waitSeconds: 90, then: "proceed" });
    assert.deepEqual(engine.namesOf(remote), drains);
    assert.match(drainCommand(engine), / drain .* --wait 90 --left close # attempt/);
    for (const drain of drains) {
      assert.ok(engine.comesAfter(`${local} kube2iam-retirement`, `${remote} ${drain}`));
    }
  });

  it("closes idle ones on all workers at the same time, before kube2iam goes", async () => {
    const engine = await declare({ closeIdleSeconds: 20, waitSeconds: 90 });
    assert.deepEqual(engine.namesOf(remote), drains);
    assert.match(
      drainCommand(engine),
      /^sudo -n sh -s -- drain --host-ip 10\.0\.0\.12 .*--idle 20 --wait 90 # attempt [0-9a-f]{12}$/,
    );
    for (const drain of drains) {
      assert.ok(engine.comesAfter(`${local} kube2iam-retirement`, `${remote} ${drain}`));
      assert.ok(
        engine.options(remote, drain).deletedWith !== undefined,
        "a worker that left must not block",
      );
    }
    assert.ok(!engine.comesAfter(`${remote} ${drains[0]}`, `${remote} ${drains[1]}`));
  });

  it("closes them again after a retirement that stopped because of connections, and only then", async () => {
    const command = async (connectionsLeft?: string) =>
      drainCommand(await declare({ closeIdleSeconds: 20 }, { notes: { connectionsLeft } }));
    const first = await command();
    assert.equal(await command(), first);
    const second = await command("2024-05-01T10:00:00.000Z");
    assert.notEqual(second, first);
    const hostile = await command("x\nreboot");
    assert.doesNotMatch(hostile, /reboot/, "what stands in the cluster never reaches a shell");
  });
});
