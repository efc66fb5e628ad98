/**
 * Putting back kiam's rule where somebody deleted it: for which interface, in which tables, where in
 * the chain, and when it is not done.
 *
 * Real: iptables, the kernel's tables, the shells. Not proven here: the real kiam behind the health
 * checks (an instrument answers for it); kiam's agent restarting at the very moment (both would append
 * the rule, and then it is there twice).
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Backend } from "../../../../migration/rules/natRule.js";
import type { Finding } from "../../../../migration/rules/nodeReport.js";
import { findCommand } from "../../../support/requirements.js";
import {
  assertRefused,
  kiamRule,
  kube2iamRule,
  rule,
  ruleForAll,
  shells,
  TestWorker,
  worker,
} from "../../worker.js";

const backends = ["nft", "legacy"] as const;
const system = "kiam" as const;
/** Has nothing to do with credentials. */
const foreign =
  "-A PREROUTING -d 10.96.0.7/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.9:8080";
/** Takes credential requests elsewhere. */
const elsewhere = kiamRule.replace(worker.hostIp, "10.99.0.12");

describe("node script, ensure", () => {
  const node = TestWorker.forSuite("ensure", "dash", "bash", "busybox", "mount", "umount");

  for (const shell of shells) {
    for (const backend of backends) {
      it(`appends kiam's rule behind kube2iam's, once (${shell[0]}, ${backend})`, async () => {
        const chain = [foreign, kube2iamRule, foreign];
        await node.reset({ [backend]: chain });
        const done = await node.done("ensure", { system, interface: "cni0" }, shell);
        assert.deepEqual(await node.rules(backend), [...chain, kiamRule]);
        const { report } = done;
        assert.deepEqual([report.verb, report.system, report.outcome], ["ensure", "kiam", "ok"]);
        assert.deepEqual(report.inserted, [{ backend, position: 4, spec: kiamRule }]);
        assert.deepEqual(report.removed.concat(report.closed as never[]), []);
        assert.equal(report.changed, true);
        assert.equal(report.after.inForce, "kube2iam");
        assert.deepEqual(
          report.health.map(({ system: asked, when, ok }) => [asked, when, ok]),
          [
            ["kiam", "before", true],
            ["kiam", "after", true],
          ],
        );

        // As kiam's agent looks for it before it appends its own (cmd/kiam/iptables.go).
        await node.run(
          ...[`iptables-${backend}`, "-t", "nat", "-C", "PREROUTING", "-p", "tcp"],
          ...["-d", "169.254.169.254", "--dport", "80", "-j", "DNAT", "--to-destination"],
          ...[`${worker.hostIp}:${worker.kiamPort}`, "-i", "cni0"],
        );

        const again = await node.done("ensure", { system, interface: "cni0" }, shell);
        assert.equal(again.report.changed, false);
        assert.deepEqual(again.report.inserted, []);
        assert.deepEqual(await node.rules(backend), [...chain, kiamRule]);
      });
    }
  }

  for (const backend of backends) {
    it(`heals a worker whose pods read the node's own role (iptables is ${backend})`, async () => {
      await node.reset({});
      assert.equal(await node.whoAnswers(), "node");
      const environment = node.first(node.tool("iptables", `exec iptables-${backend} "$@"`));
      const args = { system, interface: "cni0" };
      const outcome = await node.done("ensure", args, ["dash"], environment);
      assert.deepEqual(outcome.report.inserted, [{ backend, position: 1, spec: kiamRule }]);
      const { before, after } = outcome.report;
      assert.deepEqual([before.inForce, after.inForce], ["none", "kiam"]);
      assert.equal(await node.whoAnswers(), "kiam");
    });

    for (const name of ["cali+", "!eth0", undefined]) {
      it(`takes the interface of kube2iam's live rule (${name ?? "any"}, ${backend})`, async () => {
        const of = (port: number) => (name === undefined ? ruleForAll(port) : rule(port, name));
        await node.reset({ [backend]: [of(worker.kube2iamPort), of(worker.kube2iamPort)] });
        await node.done("ensure", { system });
        assert.deepEqual((await node.rules(backend)).slice(2), [of(worker.kiamPort)]);
      });
    }
  }

  it("gives kiam's rule kiam's interface where that is another one", async () => {
    await node.reset({ legacy: [kube2iamRule] });
    const args = { system, interface: "cni0", kiamInterface: "!eth0" };
    const kiams = rule(worker.kiamPort, "!eth0");
    for (const changed of [true, false]) {
      const outcome = await node.done("ensure", args);
      assert.equal(outcome.report.changed, changed);
      assert.deepEqual(await node.rules("legacy"), [kube2iamRule, kiams]);
    }
  });

  for (const [what, kiams] of [
    ["every interface", ruleForAll(worker.kiamPort)],
    ["a prefix that the interface has", rule(worker.kiamPort, "cn+")],
  ] as const) {
    it(`is content with a rule of kiam's for ${what}`, async () => {
      await node.reset({ nft: [kiams] });
      await node.done("ensure", { system, interface: "cni0" });
      assert.deepEqual(await node.rules("nft"), [kiams]);
    });
  }

  it("is not content with a rule of kiam's for another interface or port", async () => {
    const chain = [rule(worker.kiamPort, "eth1"), rule(8882, "cali+")];
    await node.reset({ nft: chain });
    await node.done("ensure", { system, interface: "cni0" });
    assert.deepEqual(await node.rules("nft"), [...chain, kiamRule]);
  });

  it("has nothing to do where the rule is there, even if kiam is not healthy", async () => {
    await node.reset({ nft: [kiamRule] });
    await node.order("unhealthy kiam");
    const outcome = await node.done("ensure", { system, interface: "cni0", attempts: 1 });
    assert.equal(outcome.report.health[0]?.ok, false);
    assert.deepEqual(await node.rules("nft"), [kiamRule]);
  });

  it("appends in spite of somebody else's rule for another interface", async () => {
    const chain = [elsewhere.replace("-i cni0", "-i eth1")];
    await node.reset({ nft: chain });
    await node.done("ensure", { system, interface: "cni0" });
    assert.deepEqual(await node.rules("nft"), [...chain, kiamRule]);
  });

  describe("refuses and touches nothing", () => {
    const cases: {
      what: string;
      chains: Partial<Record<Backend, readonly string[]>>;
      interface?: string;
      code: Finding["code"];
      message: RegExp;
    }[] = [
      {
        what: "somebody else's rule comes before",
        chains: { nft: [elsewhere] },
        interface: "cni0",
        code: "competing-rule",
        message: /nft tables somebody else's rule .* comes before kiam's: .*10\.99\.0\.12/,
      },
      {
        what: "kiam's rule is there, and somebody else's comes before it",
        chains: { nft: [elsewhere, kiamRule] },
        interface: "cni0",
        code: "competing-rule",
        message: /comes before kiam's: .*10\.99\.0\.12/,
      },
      {
        what: "somebody else's rule would come next after kube2iam's",
        chains: { legacy: [kube2iamRule, elsewhere] },
        code: "competing-rule",
        message: /10\.99\.0\.12/,
      },
      {
        what: "somebody else's rule is in the other set of tables",
        chains: { legacy: [elsewhere], nft: [kube2iamRule] },
        interface: "cni0",
        code: "competing-rule",
        message: /legacy tables/,
      },
      {
        what: "an exemption comes before",
        chains: { nft: ["-A PREROUTING -d 169.254.0.0/16 -j ACCEPT"] },
        interface: "cali+",
        code: "competing-rule",
        message: /169\.254\.0\.0\/16 -j ACCEPT/,
      },
      {
        what: "no interface is known",
        chains: { nft: [foreign] },
        code: "interface-unknown",
        message: /kube2iam has no rule here to tell.*--kiam-interface/,
      },
      {
        what: "kube2iam has rules for several interfaces",
        chains: { nft: [kube2iamRule], legacy: [rule(worker.kube2iamPort, "!eth0")] },
        code: "interface-unknown",
        message: /for several \(!eth0 cni0 ?\)/,
      },
    ];
    for (const { what, chains, code, message, ...args } of cases) {
      it(`because ${what}`, async () => {
        await node.reset(chains);
        const before = await node.allRules();
        assertRefused(await node.script("ensure", { system, ...args }), code, message);
        assert.deepEqual(await node.allRules(), before);
      });
    }

    for (const check of ["/ping", "/health"]) {
      it(`because kiam is not healthy (${check})`, async () => {
        await node.reset({ nft: [kube2iamRule] });
        await node.order(check === "/ping" ? "unhealthy kiam" : "then kiam unhealthy 1");
        const outcome = await node.script("ensure", { system, interface: "cni0", attempts: 1 });
        assertRefused(outcome, "unhealthy", new RegExp(`kiam does not answer.*${check}`));
        assert.deepEqual(await node.rules("nft"), [kube2iamRule]);
      });
    }

    it("because a set of tables cannot be read", async () => {
      await node.reset({ nft: [kube2iamRule], legacy: [foreign] });
      await node.instead(["iptables-legacy"], node.tool("broken", "exit 4"), async () => {
        const outcome = await node.script("ensure", { system, interface: "cni0" });
        assertRefused(outcome, "backend-unreadable", /legacy tables could not be read/);
      });
      assert.deepEqual(await node.rules("nft"), [kube2iamRule]);
    });
  });

  describe("when something goes wrong after the first change", () => {
    /** The environment in which iptables-nft fails to carry out one of its commands. */
    function failing(command: "-A" | "-D"): Record<string, string> {
      const real = findCommand("iptables-nft") ?? "";
      const refusal = `case " $* " in *' ${command} '*) exit 4 ;; esac`;
      return node.first(node.tool("iptables-nft", refusal, `exec ${real} "$@"`));
    }

    for (const backend of backends) {
      it(`takes the rule back when the agent dies right then (${backend})`, async () => {
        const chain = [kube2iamRule, foreign];
        await node.reset({ [backend]: chain });
        await node.order("then kiam unhealthy 2");
        const outcome = await node.script("ensure", { system, interface: "cni0" });
        assert.equal(outcome.exitCode, 3, outcome.stderr);
        assert.equal(outcome.report.outcome, "undone");
        assert.equal(outcome.report.changed, false);
        assert.equal(outcome.report.inserted.length, 1);
        assert.match(outcome.stderr, /kiam stopped answering right after its rule was appended/);
        assert.deepEqual(await node.rules(backend), chain);
      });
    }

    it("says so when it cannot take the rule back", async () => {
      await node.reset({ nft: [foreign] });
      await node.order("then kiam unhealthy 2");
      const args = { system, interface: "cni0" };
      const outcome = await node.script("ensure", args, ["dash"], failing("-D"));
      assert.equal(outcome.exitCode, 4, outcome.stderr);
      assert.equal(outcome.report.outcome, "broken");
      assert.match(outcome.stderr, /could NOT be brought back.*Look at this worker now/);
      assert.deepEqual(await node.rules("nft"), [foreign, kiamRule]);
    });

    it("leaves all as it was when the rule cannot be appended", async () => {
      await node.reset({ nft: [kube2iamRule] });
      const args = { system, interface: "cni0" };
      const outcome = await node.script("ensure", args, ["dash"], failing("-A"));
      assert.equal(outcome.exitCode, 3, outcome.stderr);
      assert.deepEqual(outcome.report.inserted, []);
      assert.match(outcome.stderr, /could not be appended in the nft tables/);
      assert.deepEqual(await node.rules("nft"), [kube2iamRule]);
    });

    it("finishes in spite of signals", async () => {
      await node.reset({ nft: [kube2iamRule] });
      await node.order("slow kiam 150");
      const child = node.startScript("ensure", { system, interface: "cni0" });
      const exit = once(child, "exit");
      await node.waitForRule("nft", kiamRule, true);
      for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGPIPE"] as const) {
        assert.equal(child.kill(signal), true);
      }
      assert.deepEqual(await exit, [0, null]);
      assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
    });
  });
});
