import assert from "node:assert/strict";

import { ClusterMigration } from "../../components/clusterMigration.js";
import { gate } from "../../components/gate.js";
import { gateSchemas, type GateVerb } from "../../gates/protocol/inputs.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { situationOf } from "../../migration/situation/situation.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { gateTarget } from "../../migration/situation/target.js";
import { exampleFacts, exampleSettings } from "../support/exampleCluster.js";
import { migrationOutputs } from "../support/migrationOutputs.js";
import { MockEngine } from "../support/mockEngine.js";

/*
 * Proves that what components hand to gates is what these read: its form, which the compiler holds
 * (the lines below that must not compile), and its values, which their schemas hold.
 */

const local = "command:local:Command";

const captured = {
  manifest: { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "kube2iam" } },
  companions: [],
  notes: [],
};

const answers: typeof migrationOutputs = {
  ...migrationOutputs,
  [local]: (inputs, name) =>
    name === "kube2iam-retirement-capture"
      ? { stdout: JSON.stringify(captured), stderr: "" }
      : migrationOutputs[local]!(inputs, name),
};

const retired = exampleSettings({ stage: "retire", newNodes: { keepKube2iamOff: "label" } });

const cases = {
  "over SSH": retired,
  "by exec": { ...retired, workers: { ...retired.workers, access: "exec" as const } },
  "with a program that tells host keys": {
    ...retired,
    ssh: { ...retired.ssh, hostKeys: {}, hostKeyCommand: ["host-key"] as [string] },
  },
};

describe("what gates are given", () => {
  for (const [how, raw] of Object.entries(cases)) {
    it(`fits the schemas of their verbs, workers reached ${how}`, async () => {
      const settings = parseSettings(raw);
      const plan = makePlan(situationOf(settings, exampleFacts()));
      const engine = await MockEngine.start(answers);
      await engine.run(() => new ClusterMigration("migration", { settings, plan }));
      const gates = engine.registered.filter(({ type }) => type === local);
      assert.ok(gates.length > 20);
      for (const { name, inputs } of gates) {
        for (const command of [inputs.create, inputs.delete] as (string | undefined)[]) {
          if (command === undefined) continue;
          const verb = command.split(" ").at(-1) as GateVerb;
          const checked = gateSchemas[verb].input.safeParse(JSON.parse(String(inputs.stdin)));
          assert.deepEqual(checked.error?.issues ?? [], [], `${name}: ${verb}`);
        }
      }
    });
  }
});

/** Never called: the compiler refuses each of these, or the line above it. */
export function refused(): void {
  const settings = parseSettings(retired);
  const target = gateTarget(settings, makePlan(situationOf(settings, exampleFacts())).kube2iam);
  const worker = { name: "worker-1", hostIp: "10.0.0.11" };
  // @ts-expect-error a member is missing
  gate("a", { verb: "capture-rule", input: { target } }, {});
  // @ts-expect-error a member that no verb reads
  gate("b", { verb: "capture-rule", input: { target, worker, workers: [] } }, {});
  // @ts-expect-error a member of another type
  gate("c", { verb: "keep-kube2iam-off", input: { target, by: "name" } }, {});
  // @ts-expect-error `undo` reads a probe besides
  gate("d", { verb: "check-fallback", undo: "fallback", input: { target } }, {});
}
