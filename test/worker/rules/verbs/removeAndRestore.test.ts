/**
 * The node script on every shell and both sets of tables: what removal and the way back do to a
 * chain that holds other people's rules, too.
 *
 * Real: iptables, the kernel's tables, the shells. Not proven here: the real kube2iam and kiam
 * behind the health checks (an instrument answers for them), transport (ssh.test.ts), and what
 * pods see meanwhile (traffic.test.ts).
 */
import assert from "node:assert/strict";
import {
  kiamRule,
  kube2iamRule,
  rule,
  ruleForAll,
  shells,
  TestWorker,
  worker,
} from "../../worker.js";

const kubeServices =
  '-A PREROUTING -p icmp -m comment --comment "kubernetes \\"service\\" portals \\\\ é" -j ACCEPT';
/** Rules that look like the systems' own, and are not. */
const lookalikes = [
  "-A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.99.0.11:8181",
  "-A PREROUTING -d 169.254.169.253/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.99.0.11:8181",
  "-A PREROUTING -d 10.96.0.7/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.99.0.11:8881",
  "-A PREROUTING -d 169.254.169.254/32 -i cni0 -p udp -m udp --dport 80 -j DNAT --to-destination 10.99.0.11:8181",
];
/** Takes credential requests elsewhere: harmless where it sleeps behind kiam's rule. */
const elsewhere =
  "-A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.99.0.12:8181";

describe("node script", () => {
  const node = TestWorker.forSuite("rules", "dash", "bash", "busybox");

  it("creates no tables by looking", async () => {
    // Before any other test has made them.
    const outcome = await node.done("inspect", {});
    assert.equal(outcome.report.before.inForce, "none");
    const legacy = await node.run("sh", "-c", "cat /proc/net/ip_tables_names 2>/dev/null || :");
    assert.doesNotMatch(legacy, /^nat$/m);
  });

  for (const shell of shells) {
    for (const backend of ["nft", "legacy"] as const) {
      it(`removes and restores among foreign rules (${shell[0]}, ${backend})`, async () => {
        const foreign = [kubeServices, ...lookalikes];
        await node.reset({ [backend]: [...foreign, kube2iamRule, kiamRule, elsewhere] });
        const initial = await node.rules(backend);
        assert.equal(initial.length, 8);

        const seen = await node.done("inspect", {}, shell);
        // What is not ASCII in a comment becomes a question mark for each byte.
        assert.deepEqual(
          seen.report.before[backend],
          initial.map((line) => line.replace("é", "??")),
        );
        assert.equal(seen.report.before.inForce, "kube2iam");
        assert.deepEqual(
          seen.report.before.kube2iam.concat(seen.report.before.kiam).map((at) => at.position),
          [6, 7],
        );

        const removed = await node.done("remove", { system: "kube2iam" }, shell);
        assert.equal(removed.report.changed, true);
        assert.equal(removed.report.after.inForce, "kiam");
        assert.deepEqual(removed.report.removed, [{ backend, position: 6, spec: kube2iamRule }]);
        assert.deepEqual(removed.report.kube2iamRule, {
          backend,
          spec: kube2iamRule,
          source: "live",
        });
        assert.deepEqual(
          await node.rules(backend),
          initial.filter((line) => line !== kube2iamRule),
        );
        assert.match(removed.stderr, /kube2iam's rule is gone/);

        const again = await node.done("remove", { system: "kube2iam", interface: "cni0" }, shell);
        assert.equal(again.report.changed, false);
        assert.equal(again.report.kube2iamRule?.spec, kube2iamRule);
        assert.equal(again.report.kube2iamRule?.source, "derived");

        const rules = removed.report.kube2iamRules;
        const restored = await node.done("restore", { rules }, shell);
        assert.deepEqual(restored.report.inserted, [{ backend, position: 1, spec: kube2iamRule }]);
        assert.deepEqual(await node.rules(backend), [
          kube2iamRule,
          ...initial.filter((line) => line !== kube2iamRule),
        ]);
        const unchanged = await node.done("restore", { rules }, shell);
        assert.equal(unchanged.report.changed, false);
      });

      // Half of the combinations do for the rest: shell and tables do not depend on each other.
      if ((backend === "nft") !== (shell[0] === "dash")) continue;

      it(`puts back exactly what it removed when the agent dies (${shell[0]}, ${backend})`, async () => {
        const other = rule(worker.kube2iamPort, "cali+");
        const coveringAll = ruleForAll(worker.kiamPort);
        const chain = [lookalikes[0] ?? "", kube2iamRule, other, coveringAll, kube2iamRule];
        await node.reset({ [backend]: chain });
        const initial = await node.rules(backend);
        // The check before the removal asks twice; everything later is answered by 503.
        await node.order("then kiam unhealthy 2");
        const outcome = await node.script("remove", { system: "kube2iam" }, shell);
        assert.equal(outcome.exitCode, 3, outcome.stderr);
        assert.equal(outcome.report.outcome, "undone");
        assert.equal(outcome.report.changed, false);
        assert.deepEqual(
          outcome.report.removed.map((at) => at.position),
          [2, 3, 5],
        );
        assert.deepEqual(await node.rules(backend), initial);
        assert.match(outcome.stderr, /stopped answering/);
      });

      it(`mirrors: removes kiam's rule (${shell[0]}, ${backend})`, async () => {
        await node.reset({ [backend]: [kiamRule, kube2iamRule] });
        const outcome = await node.done("remove", { system: "kiam" }, shell);
        assert.deepEqual(await node.rules(backend), [kube2iamRule]);
        assert.deepEqual(
          outcome.report.health.map((one) => one.system),
          ["kube2iam", "kube2iam"],
        );
      });
    }
  }

  it("removes every rule of kube2iam's: doubled, of several interfaces, in both sets of tables", async () => {
    const all = ruleForAll(worker.kiamPort);
    const cali = rule(worker.kube2iamPort, "cali+");
    await node.reset({ nft: [kube2iamRule, cali, all, kube2iamRule], legacy: [kube2iamRule] });
    const outcome = await node.done("remove", { system: "kube2iam" });
    assert.deepEqual(await node.rules("nft"), [all]);
    assert.deepEqual(await node.rules("legacy"), []);
    assert.equal(outcome.report.removed.length, 4);
    assert.deepEqual(outcome.report.kube2iamRules, [
      { backend: "nft", spec: kube2iamRule },
      { backend: "nft", spec: cali },
      { backend: "legacy", spec: kube2iamRule },
    ]);

    const back = await node.done("restore", { rules: outcome.report.kube2iamRules });
    assert.equal(back.report.after.inForce, "kube2iam");
    assert.deepEqual((await node.rules("nft")).slice(0, 2), [kube2iamRule, cali]);
    assert.deepEqual(await node.rules("legacy"), [kube2iamRule]);
  });

  it("removes kube2iam's rule from the one set of tables while kiam's is in the other", async () => {
    await node.reset({ legacy: [kube2iamRule], nft: [kiamRule] });
    const outcome = await node.done("remove", { system: "kube2iam" });
    assert.equal(outcome.report.before.inForce, "unknown");
    assert.equal(outcome.report.after.inForce, "kiam");
    assert.deepEqual(await node.rules("legacy"), []);

    // First in both, because which set is walked first cannot be read.
    const back = await node.done("restore", { rules: outcome.report.kube2iamRules });
    assert.deepEqual(await node.rules("legacy"), [kube2iamRule]);
    assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
    assert.equal(back.report.after.inForce, "kube2iam");
  });

  describe("restore", () => {
    const rules = [{ backend: "nft" as const, spec: kube2iamRule }];

    it("moves a copy that sleeps behind kiam's rule to the front", async () => {
      await node.reset({ nft: [kiamRule, lookalikes[0] ?? "", kube2iamRule, kube2iamRule] });
      const outcome = await node.done("restore", { rules });
      assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule, lookalikes[0]]);
      assert.equal(outcome.report.removed.length, 2);
    });

    it("leaves a rule alone that comes before kiam's, behind rules for other traffic", async () => {
      const chain = [...lookalikes, kube2iamRule, kiamRule, kube2iamRule];
      await node.reset({ nft: chain });
      const outcome = await node.done("restore", { rules });
      assert.equal(outcome.report.changed, false);
      assert.deepEqual(await node.rules("nft"), chain);
    });

    it("goes in front of somebody else's rule for the same traffic", async () => {
      await node.reset({ nft: [elsewhere, kube2iamRule, kiamRule] });
      await node.done("restore", { rules });
      assert.deepEqual(await node.rules("nft"), [kube2iamRule, elsewhere, kube2iamRule, kiamRule]);
    });

    it("works where neither system has a rule", async () => {
      await node.reset({});
      const outcome = await node.done("restore", { rules: [{ spec: kube2iamRule }] });
      assert.equal(outcome.report.after.inForce, "kube2iam");
    });

    it("touches nothing while kube2iam does not answer", async () => {
      await node.reset({ nft: [kiamRule] });
      await node.order("unhealthy kube2iam");
      const outcome = await node.script("restore", { rules, attempts: 1 });
      assert.equal(outcome.exitCode, 1);
      assert.equal(outcome.report.outcome, "refused");
      assert.deepEqual(await node.rules("nft"), [kiamRule]);
    });

    it("goes back to kiam when kube2iam dies right after", async () => {
      const chain = [kiamRule, lookalikes[0] ?? "", kube2iamRule];
      await node.reset({ nft: chain, legacy: [kiamRule, kube2iamRule] });
      await node.order("then kube2iam unhealthy 1");
      const outcome = await node.script("restore", { rules });
      assert.equal(outcome.exitCode, 3, outcome.stderr);
      assert.deepEqual(await node.rules("nft"), chain);
      assert.deepEqual(await node.rules("legacy"), [kiamRule, kube2iamRule]);
    });

    it("stays with kube2iam's rule when kiam is dead, too, and says so", async () => {
      await node.reset({ nft: [kiamRule, kube2iamRule] });
      await node.order("unhealthy kiam");
      await node.order("then kube2iam unhealthy 1");
      const outcome = await node.script("restore", { rules });
      assert.equal(outcome.exitCode, 4, outcome.stderr);
      assert.equal(outcome.report.outcome, "broken");
      assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
    });
  });
});
