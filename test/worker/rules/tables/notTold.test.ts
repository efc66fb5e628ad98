/**
 * What iptables does not tell: rules that it cannot read, and whose the rules in front are. None of it
 * is ever taken for "no rule". Chains that nft itself made: native.test.ts.
 *
 * Real: iptables, the kernel's tables, and who answers the pod. Not real: the iptables that is
 * older than the one that wrote the rules. A stand-in prints what kubernetes#114537 shows
 * (`[unsupported revision]`) and what Debian's 1.8.7 was seen to print of rules of 1.8.9 (no
 * `-m tcp --dport 80`).
 */
import assert from "node:assert/strict";
import { findCommand } from "../../../support/requirements.js";
import { assertRefused, kiamRule, kube2iamRule, rule, TestWorker, worker } from "../../worker.js";

const system = "kube2iam" as const;
const metadata = "-A PREROUTING -d 169.254.169.254/32";
/** To a port that is nobody's. */
const rival = rule(8282);

describe("node script, what iptables does not tell", () => {
  const node = TestWorker.forSuite("not-told", "dash", "bash", "busybox", "mount", "umount");

  /** The environment in which iptables-nft prints its rules changed by these sed expressions. */
  function older(...expressions: string[]): Record<string, string> {
    const real = findCommand("iptables-nft") ?? "";
    const edits = expressions.map((each) => `-e '${each}'`).join(" ");
    return node.first(
      node.tool(
        "iptables-nft",
        `case " $* " in *' -S '*) "${real}" "$@" | sed ${edits} ;; *) exec "${real}" "$@" ;; esac`,
      ),
    );
  }
  const unsupported = (port: number | string) =>
    `s/-j DNAT --to-destination [^ ]*:${port}$/-j DNAT [unsupported revision]/`;

  it("is looked for by nft, or is unknown, whatever word iptables begins with that it left something out", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    const real = findCommand("iptables-nft") ?? "";
    for (const said of ["unsupported chains", "# chains that are incompatible"]) {
      const tool = node.tool(
        "iptables-nft",
        `case " $* " in *' -S '*) echo '${said}'; exec 2>/dev/null ;; esac; exec "${real}" "$@"`,
      );
      const environment = node.first(tool);
      await node.instead(["nft"], "/dev/null", async () => {
        const outcome = await node.script("remove", { system }, ["dash"], environment);
        assertRefused(outcome, "rule-unread", /Install nft/);
        assert.equal(outcome.report.after.inForce, "unknown");
      });
    }
  });

  describe("a rule that iptables cannot read", () => {
    const unread = {
      "its target": [unsupported(8181)],
      "its target, not a word of it": ["s/ --to-destination [^ ]*:8181$//"],
      "its target, and it names no destination": [unsupported(8181), "s/ -d 169[^ ]*//"],
    };
    for (const [what, expressions] of Object.entries(unread)) {
      it(`is never absent (${what})`, async () => {
        await node.reset({ nft: [kube2iamRule, kiamRule] });
        const environment = older(...expressions);
        for (const [at, run] of [
          () => node.script("remove", { system }, ["dash"], environment),
          () => node.script("ensure", { system: "kiam" }, ["bash"], environment),
          () => node.script("drain", { idle: 1, wait: 0 }, ["dash"], environment),
          () => node.script("inspect", {}, ["busybox", "sh"], environment),
        ].entries()) {
          const outcome = await run();
          assertRefused(outcome, "rule-unread", /-j DNAT.*newer iptables .*kube2iam's own pod/);
          assert.equal(outcome.report.after.inForce, "unknown", `run ${at}`);
        }
        assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
      });
    }

    it("is said to be the cause where neither system's can be read", async () => {
      await node.reset({ nft: [kube2iamRule, kiamRule] });
      const outcome = await node.script("remove", { system }, ["dash"], older(unsupported("8.81")));
      assertRefused(outcome, "rule-unread", /newer iptables/);
      assertRefused(outcome, "rule-absent", /not among the rules that could be read here/);
      assert.doesNotMatch(outcome.stderr, /Let kiam's pod .*write it/);
      assert.equal(outcome.report.after.inForce, "unknown");
    });

    it("that has lost a part of it is said to be so, too", async () => {
      await node.reset({ nft: [kube2iamRule, kiamRule] });
      const environment = older("s/ -m tcp --dport 80//");
      const outcome = await node.script("remove", { system }, ["dash"], environment);
      assertRefused(outcome, "unexpected-form", /iptables is older than theirs/);
      assert.doesNotMatch(outcome.stderr, /Let kiam's pod .*write it/);
      assert.equal(outcome.report.after.inForce, "unknown");
    });

    it("does not matter behind kiam's rule, but for which is which", async () => {
      await node.reset({ nft: [kiamRule, kube2iamRule] });
      const { report } = await node.script("inspect", {}, ["dash"], older(unsupported(8181)));
      assert.equal(report.after.inForce, "kiam");
    });

    it("does not matter where it cannot see a credential request", async () => {
      const other = `-A PREROUTING -d 10.96.0.7/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.9:8080`;
      await node.reset({ nft: [other, kube2iamRule, kiamRule] });
      const environment = older(unsupported(8080));
      const { report } = await node.script("remove", { system }, ["dash"], environment);
      assert.equal(report.outcome, "ok");
      assert.deepEqual(await node.rules("nft"), [other, kiamRule]);
    });

    it("does not keep kube2iam's rule from coming back in front of it", async () => {
      await node.reset({ nft: [kiamRule], legacy: [] });
      const rules = [{ backend: "legacy" as const, spec: kube2iamRule }];
      const environment = older(unsupported(8881));
      const outcome = await node.done("restore", { rules }, ["dash"], environment);
      assert.equal(outcome.report.after.inForce, "kube2iam");
      assert.ok(outcome.report.findings.some((each) => each.code === "rule-unread"));
      assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
      assert.deepEqual(await node.rules("legacy"), [kube2iamRule]);
    });
  });

  describe("somebody else's rule in front of kiam's", () => {
    const chains: [string, string[]][] = [
      ["while kube2iam has none", [rival, kiamRule]],
      ["and of kube2iam's", [rival, kube2iamRule, kiamRule]],
      ["an exemption", [`${metadata} -j ACCEPT`, kiamRule]],
      [
        "a proxy for all of port 80",
        [
          "-A PREROUTING -s 10.244.0.0/16 -i cni0 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3128",
          kiamRule,
        ],
      ],
      ["for one of several interfaces", [rule(8282, "cali1"), rule(worker.kiamPort, "cali+")]],
    ];
    for (const [what, chain] of chains) {
      it(`stops (${what})`, async () => {
        await node.reset({ nft: chain });
        const first = chain[0]?.replace("/32", "") ?? "";
        const seen = new RegExp(first.slice(-10).replace(/[+.]/g, "\\$&"));
        const removal = await node.script("remove", { system });
        assertRefused(removal, "competing-rule", seen);
        assert.equal(removal.report.after.inForce, "unknown");
        const kiamInterface = chain.some((each) => each.includes("cali+")) ? "cali+" : "cni0";
        const ensured = await node.script("ensure", { system: "kiam", kiamInterface });
        assertRefused(ensured, "competing-rule", seen);
        const { report } = await node.script("inspect", {});
        assert.equal(report.after.inForce, "unknown");
        assert.ok(report.findings.some((each) => each.code === "competing-rule"));
        assert.deepEqual(await node.rules("nft"), chain);
      });
    }

    it("does not stop where it comes behind, is for another interface, or sees nothing", async () => {
      const others = [rule(8282, "eth1"), `${metadata} -p udp -j ACCEPT`];
      await node.reset({ nft: [...others, kiamRule, rival] });
      const outcome = await node.done("remove", { system });
      assert.equal(outcome.report.after.inForce, "kiam");
      assert.deepEqual(outcome.report.findings, []);
    });

    it("does not stop the way back where it takes the requests already", async () => {
      await node.reset({ nft: [rival, kiamRule, kube2iamRule] });
      const outcome = await node.done("remove", { system: "kiam" });
      assert.ok(outcome.report.findings.some((each) => each.code === "competing-rule"));
      assert.deepEqual(await node.rules("nft"), [rival, kube2iamRule]);
    });
  });

  describe("iptables from before 1.4.22, which takes no seconds to wait for the lock", () => {
    for (const [version, flag] of [
      ["1.4.21", "plain -w"],
      ["1.4.19", "no -w"],
    ] as const) {
      it(`works (${version}: ${flag})`, async () => {
        await node.reset({ legacy: [kube2iamRule, kiamRule] });
        const real = await node.run("readlink", "-f", findCommand("iptables-legacy") ?? "");
        const copy = `${node.directory}/xtables-legacy-multi`;
        await node.run("cp", real, copy);
        const old = node.tool(
          "iptables",
          `[ "$1" != -V ] || { echo 'iptables v${version}'; exit 0; }`,
          ...(flag === "plain -w"
            ? [`[ "$1" = -w ] || { echo 'no lock asked for'; exit 2; }`, "shift"]
            : []),
          `case $1 in -w | [0-9]*) echo "Bad argument $1" >&2; exit 2 ;; esac`,
          `exec ${copy} iptables "$@"`,
        );
        await node.instead(["iptables-nft", "iptables-legacy"], "/dev/null", async () => {
          const environment = node.first(old);
          const removed = await node.done("remove", { system }, ["dash"], environment);
          const rules = removed.report.kube2iamRules;
          await node.done("restore", { rules }, ["busybox", "sh"], environment);
        });
        assert.deepEqual(await node.rules("legacy"), [kube2iamRule, kiamRule]);
      });
    }
  });
});
