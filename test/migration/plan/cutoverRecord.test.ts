import assert from "node:assert/strict";

import { isKiamOnly } from "../../../migration/kiam/kiamOnly.js";
import {
  hasFailed,
  isCutOver,
  parseCutoverRecord,
  writeCutoverRecord,
} from "../../../migration/plan/cutoverRecord.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { situationOf } from "../../../migration/situation/situation.js";
import { plannedWorkers } from "../../../migration/plan/plan.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { exampleFacts, exampleSettings } from "../../support/exampleCluster.js";

/* Pure: what a node's annotation may say, and what becomes of one that this program did not write. */

const good = {
  generation: "0123456789ab",
  bootId: "6f7c1e0e-9d2c-4a70-8a2f-0f4f2a8f7d11",
  kube2iamPod: "",
  proven: true,
};

const hostile = [
  "",
  "{",
  "null",
  "[]",
  '"x"',
  "{}",
  JSON.stringify({ ...good, generation: "x\nid >/tmp/pwned #" }),
  JSON.stringify({ ...good, generation: "0123456789ab\n" }),
  JSON.stringify({ ...good, generation: "$(id)" }),
  JSON.stringify({ ...good, generation: ["0123456789ab"] }),
  JSON.stringify({ ...good, bootId: "b\u0000" }),
  JSON.stringify({ ...good, bootId: "b".repeat(65) }),
  JSON.stringify({ ...good, kube2iamPod: "\u001b[2J" }),
  JSON.stringify({ undone: "2026-01-01T00:00:00Z\nid" }),
  JSON.stringify({ undone: "yesterday" }),
];

describe("a worker's cutover record", () => {
  it("is read again as it was written", () => {
    for (const record of [
      good,
      { ...good, proven: false, kiamOnly: true },
      { undone: new Date(0).toISOString(), rehearsed: true },
    ]) {
      assert.deepEqual(parseCutoverRecord(writeCutoverRecord(record)), record);
    }
  });

  it("is not written where it could not be read again", () => {
    assert.throws(() => writeCutoverRecord({ ...good, generation: "$(id)" }), /hexadecimal/);
  });

  for (const annotation of hostile) {
    it(`is neither proven nor absent where it reads ${JSON.stringify(annotation).slice(0, 60)}`, () => {
      const record = parseCutoverRecord(annotation);
      assert.ok(record !== undefined && "unreadable" in record);
      assert.ok(hasFailed(record) && !isCutOver({ cutoverAnnotation: annotation }));
    });
  }

  it("that cannot be read never makes a moved worker one without a way back, nor rehearses on it", () => {
    const settings = parseSettings(exampleSettings());
    const facts = exampleFacts({
      kube2iam: undefined,
      recorded: { port: 8181, interface: "cni0", baseRoleArn: "" },
    });
    for (const cutoverAnnotation of hostile) {
      const nodes = facts.nodes.map((node) => ({ ...node, cutoverAnnotation }));
      assert.ok(nodes.every((node) => !isKiamOnly(facts, node)));
      const workers = plannedWorkers(makePlan(situationOf(settings, { ...exampleFacts(), nodes })));
      assert.deepEqual(
        new Set(workers.map(({ steps }) => steps.join())),
        new Set(["shadow-probe,capture,recheck,remove-rule,live-probe"]),
      );
    }
  });
});
