/**
 * What a pod sees: real TCP connections from a pod's network namespace to 169.254.169.254:80 while
 * the node script removes and restores rules, on fresh connections and without a single retry.
 *
 * Real: the kernel's nat. Not proven here: keep-alive connections (conntrack keeps them where they
 * were), the real kube2iam and kiam, more than one pod.
 */
import assert from "node:assert/strict";
import { kiamRule, kube2iamRule, TestWorker } from "../worker.js";

describe("node script, seen from a pod", () => {
  const node = TestWorker.forSuite("traffic");

  it("without a rule, the node's own role answers: the instrument would show it", async () => {
    await node.reset({});
    assert.equal(await node.whoAnswers(), "node");
  });

  for (const [one, other] of [
    ["nft", "nft"],
    ["legacy", "legacy"],
    ["nft", "legacy"],
    ["legacy", "nft"],
  ] as const) {
    it(`no request fails, none gets the node's role (kube2iam in ${one}, kiam in ${other})`, async () => {
      await node.reset(
        one === other
          ? { [one]: [kube2iamRule, kiamRule] }
          : { [one]: [kube2iamRule], [other]: [kiamRule] },
      );
      const rules = [{ backend: one, spec: kube2iamRule }];
      // Rules in both sets of tables: who answers before is the kernel's secret.
      if (one === other) assert.equal(await node.whoAnswers(), "kube2iam");
      const end = await node.load();
      for (let round = 0; round < (one === other ? 2 : 1); round += 1) {
        await node.done("remove", { system: "kube2iam" });
        assert.equal(await node.whoAnswers(), "kiam");
        await node.done("restore", { rules });
        assert.equal(await node.whoAnswers(), "kube2iam");
      }
      // And further back: kiam's rule goes, kube2iam's takes over.
      await node.done("remove", { system: "kiam" });
      assert.equal(await node.whoAnswers(), "kube2iam");
      const { answers, failures } = await end();
      assert.deepEqual(failures, []);
      assert.deepEqual(Object.keys(answers).sort(), ["kiam", "kube2iam"]);
      assert.ok((answers.kiam ?? 0) > 20 && (answers.kube2iam ?? 0) > 20, JSON.stringify(answers));
    });
  }

  it("moving a sleeping rule to the front and undoing a removal lose nothing either", async () => {
    await node.reset({ nft: [kiamRule, kube2iamRule] });
    const end = await node.load();
    const restored = await node.done("restore", {
      rules: [{ backend: "nft", spec: kube2iamRule }],
    });
    assert.equal(restored.report.removed.length, 1);
    await node.order("then kiam unhealthy 2");
    const undone = await node.script("remove", { system: "kube2iam" });
    assert.equal(undone.exitCode, 3, undone.stderr);
    assert.equal(await node.whoAnswers(), "kube2iam");
    const { answers, failures } = await end();
    assert.deepEqual(failures, []);
    assert.equal(answers.node, undefined);
  });

  it("counts the connections that stay with kube2iam", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    const client = node.keepConnection();
    assert.equal(await client.line(), "connected");
    const outcome = await node.script("remove", { system: "kube2iam" });
    assert.deepEqual(
      outcome.report.kube2iamConnections.map((connection) => connection.address),
      ["10.244.1.5"],
    );
    client.child.kill();
  });
});
