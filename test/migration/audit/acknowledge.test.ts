import assert from "node:assert/strict";

import { acknowledge, type Looks } from "../../../migration/audit/acknowledge.js";
import type { FindingCode } from "../../../migration/audit/catalogue.js";
import { isBlocking, type Finding } from "../../../migration/audit/finding.js";
import { parseSettings, SettingsError } from "../../../migration/settings/parse.js";
import type { Settings } from "../../../migration/settings/schema.js";
import type { Stage } from "../../../migration/stages.js";
import { exampleIam, exampleRole, exampleSettings } from "../../support/exampleCluster.js";

/* Pure: what somebody accepts blocks no more, and nothing else does. */

type Acknowledgements = Settings["audit"]["acknowledged"];

const finding = (change: Partial<Finding>): Finding => ({
  code: "role-not-permitted",
  severity: "blocks",
  object: "namespace/orders",
  seen: "…",
  why: "…",
  fix: "…",
  ...change,
});

const everywhere: Looks = {
  iam: exampleIam(),
  kube2iamLog: { requests: 0, paths: [], credentials: {}, churning: [], minutes: {}, unread: [] },
  overSsh: {},
};

/** At the last stage, where everything was looked at. */
function acknowledging(
  list: readonly Finding[],
  acknowledged: Acknowledgements,
  stage: Stage = "retire",
  looks = everywhere,
): Finding[] {
  return acknowledge(list, { stage, audit: { acknowledged } }, looks);
}

const accepted = {
  code: "role-not-permitted",
  object: "namespace/orders",
  reason: "its owners know",
} as const;

describe("acknowledged findings", () => {
  it("block no more, are still listed and say why", () => {
    const list = acknowledging([finding({})], [accepted]);
    assert.deepEqual(list, [finding({ acknowledged: "its owners know" })]);
    assert.deepEqual(list.filter(isBlocking), []);
  });

  it("are meant by code and object, both", () => {
    const list = acknowledging(
      [finding({ object: "namespace/payments" }), finding({ code: "role-not-assumable" })],
      [accepted],
    );
    assert.equal(list.filter(isBlocking).length, 2);
    assert.deepEqual(
      list
        .filter((each) => each.code === "acknowledgement-without-effect")
        .map((each) => each.object),
      ["namespace/orders"],
    );
  });

  it("cannot be what no plan can be made with", () => {
    const list = acknowledging(
      [finding({ code: "no-worker", object: "cluster" })],
      [{ code: "no-worker", object: "cluster", reason: "…" }],
    );
    assert.deepEqual(
      list.map((each) => each.code),
      ["no-worker", "acknowledgement-without-effect"],
    );
    assert.equal(list.filter(isBlocking).length, 1);
  });

  it("are called useless only where somebody looked, and not for good before the last stage", () => {
    const fixes = (code: FindingCode, stage: Stage = "retire", looks = everywhere) =>
      acknowledging([], [{ code, object: "x", reason: "…" }], stage, looks).map(({ fix }) => fix);
    const cluster = { iam: undefined, kube2iamLog: undefined, overSsh: undefined };
    for (const code of [
      "role-missing",
      "metadata-path-refused",
      "worker-unreachable",
      "permitted-too-wide",
      "agent-port-in-use",
    ] as const) {
      assert.deepEqual(fixes(code, "retire", cluster), [], code);
      assert.deepEqual(fixes(code), ["take it out of audit.acknowledged"], code);
    }
    assert.equal(fixes("role-not-permitted", "retire", cluster).length, 1);
    assert.match(fixes("role-not-permitted", "server")[0] ?? "", /unless it is for a later stage/);
    // Nobody asked for a real AssumeRole.
    assert.deepEqual(fixes("assume-role-refused"), []);
    const role = exampleRole("r", { tried: { ok: true, message: "" } });
    const tried = { ...everywhere, iam: exampleIam({ roles: { r: role } }) };
    assert.equal(fixes("assume-role-refused", "retire", tried).length, 1);
  });

  it("need a code that exists and a reason", () => {
    const acknowledged = [{ code: "no-such-code", object: "x", reason: " " }];
    assert.throws(
      () => parseSettings({ ...exampleSettings(), audit: { acknowledged } }),
      (error) =>
        error instanceof SettingsError &&
        /audit\.acknowledged\.0\.code.*docs\/findings\.md/.test(error.message) &&
        /audit\.acknowledged\.0\.reason.*must say why/.test(error.message),
    );
  });
});
