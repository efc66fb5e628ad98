/**
 * Rules for an interface that the machine does not have, with an odd name, and for every one.
 *
 * Real: iptables and the kernel's tables.
 */
import assert from "node:assert/strict";
import {
  assertRefused,
  codes,
  kiamRule,
  kube2iamRule,
  rule,
  ruleForAll,
  TestWorker,
  worker,
} from "../../worker.js";

const system = "kube2iam" as const;

describe("node script, interfaces of rules", () => {
  const node = TestWorker.forSuite("interfaces", "dash");

  it("a rule of kube2iam's for one that is not there goes with the live one", async () => {
    const stale = rule(worker.kube2iamPort, "cbr0");
    await node.reset({ nft: [stale, kube2iamRule, kiamRule] });
    const outcome = await node.done("remove", { system });
    assert.deepEqual(codes(outcome.report), ["notice interface-unused"]);
    assert.match(
      outcome.stderr,
      /kube2iam's rule is for interface cbr0, which this machine does not/,
    );
    assert.deepEqual(await node.rules("nft"), [kiamRule]);
    await node.done("restore", { rules: outcome.report.kube2iamRules });
    assert.deepEqual(await node.rules("nft"), [stale, kube2iamRule, kiamRule]);
  });

  it("kube2iam's only rule does not: its interface may come with the first pod", async () => {
    await node.reset({ nft: [rule(worker.kube2iamPort, "cbr0"), kiamRule] });
    assertRefused(await node.script("remove", { system }), "interface-not-covered", /cbr0/);
  });

  for (const backend of ["nft", "legacy"] as const) {
    it(`a name with quotes is kube2iam's, and named (${backend})`, async () => {
      await node.reset({ [backend]: [kube2iamRule, kiamRule] });
      const stale = rule(worker.kube2iamPort, '"veth+"');
      const words = stale.replace("-A PREROUTING", "-t nat -I PREROUTING 1").split(" ");
      await node.run(`iptables-${backend}`, ...words);
      assert.deepEqual(await node.rules(backend), [stale, kube2iamRule, kiamRule]);
      const outcome = await node.done("remove", { system });
      assert.match(outcome.stderr, /kube2iam's rule is for interface "veth\+", which/);
      assert.deepEqual(await node.rules(backend), [kiamRule]);
      assert.deepEqual(outcome.report.kube2iamRules, [{ backend, spec: kube2iamRule }]);
    });

    it(`+ is every one, there and back (${backend})`, async () => {
      const [all, kiams] = [ruleForAll(worker.kube2iamPort), ruleForAll(worker.kiamPort)];
      const args = { interface: "+", kiamInterface: "+" };
      await node.reset({ [backend]: [all] });
      await node.script("ensure", { ...args, system: "kiam" });
      assert.deepEqual(await node.rules(backend), [all, kiams]);
      await node.done("remove", { ...args, system });
      const { report } = await node.script("remove", { ...args, system });
      assert.equal(report.kube2iamRule?.source, "derived");
      // As an earlier version derived it, and as it stands in stacks.
      const noted = { backend, spec: kube2iamRule.replace("cni0", "+") };
      for (const rules of [[report.kube2iamRule], [noted]]) {
        await node.reset({ [backend]: [kiams] });
        await node.done("restore", { ...args, rules });
        assert.deepEqual(await node.rules(backend), [all, kiams]);
      }
    });
  }
});
