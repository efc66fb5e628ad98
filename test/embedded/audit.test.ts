import assert from "node:assert/strict";

import type { Cluster } from "../../lab/cluster/cluster.js";
import { bootProduction, call } from "./boot.js";
import { foundMistakes, mendedSettings, mistakenSettings, type Former } from "./mistakes.js";
import type { Programs } from "./operate.js";
import { otherFoundMistakes, otherMistakenSettings } from "./otherMistakes.js";

/*
 * `kiam-migrate audit` on the embedded cluster: real API server, pods, workers over SSH, kube2iam's
 * log and IAM. What cannot be had here (security groups, cloud images, other CNIs) is for
 * test/migration.
 */

describe("kiam-migrate audit on the embedded cluster", function () {
  this.timeout(300_000);
  let cluster: Cluster | undefined;
  let programs: Programs;
  let former: Former | undefined;

  before("boot and prepare", async function () {
    ({ cluster, programs } = await bootProduction(this));
    assert.equal((await call("move", programs, "prepare")).failure, "");
    await call("trust");
  });

  after("take down", () => cluster?.stop());

  it("finds nothing in a cluster in order, but what the lab has acknowledged", async () => {
    assert.deepEqual((await call("audit", programs, "cutover")).findings, []);
  });

  it("says of every pod that kiam would supply its role", async () => {
    const { pods } = await call("audit", programs, "cutover");
    assert.deepEqual(
      pods.map(({ namespace, verdict, because }) => [namespace, verdict, because]),
      ["batch", "orders", "payments", "reports"].map((namespace) => [namespace, "ready", []]),
    );
  });

  it("comments on a pull request by the workflow's own step, with the rules that workers have", async () => {
    const [comment, ...others] = await call("commentOnPullRequest", programs, "cutover");
    assert.deepEqual(others, []);
    const text = comment?.body ?? "";
    assert.match(text, /^<!-- kiam-migrate pull-request: lab -->\n.* at stage `cutover`\n/);
    assert.match(text, /\| canary-1 \| `worker-1` \| shadow-probe → capture → /);
    assert.match(text, /Rules of worker-1.*: read over SSH just now/);
    assert.match(text, /\n- -A PREROUTING .*HOST_IP:8181\n/);
    assert.match(text, /\n\+ -A PREROUTING .*HOST_IP:8881\n/);
    assert.doesNotMatch(text, /The audit did not look at/);
  });

  it("names each of fourteen mistakes made at once, and nothing else", async () => {
    former = await call("makeMistakes");
    const key = await cluster?.hostKey("worker-1");
    assert.ok(key !== undefined);
    const { findings } = await call("audit", programs, "cutover", mistakenSettings(key));
    assert.deepEqual(findings, [...foundMistakes]);
  });

  it("finds nothing any more once they are mended", async () => {
    assert.ok(former !== undefined);
    await call("mendMistakes", former);
    const { findings } = await call("audit", programs, "cutover", mendedSettings);
    assert.deepEqual(findings, []);
  });

  it("names each of eleven other mistakes, and nothing else", async () => {
    await call("makeOtherMistakes");
    const settings = {
      ...otherMistakenSettings,
      kiam: { ...mendedSettings.kiam, ...otherMistakenSettings.kiam },
    };
    const { findings } = await call("audit", programs, "cutover", settings);
    assert.deepEqual(findings, [...otherFoundMistakes]);
  });

  it("finds nothing any more once those are mended, too", async () => {
    await call("mendOtherMistakes");
    const { findings } = await call("audit", programs, "cutover", mendedSettings);
    assert.deepEqual(findings, []);
  });
});
