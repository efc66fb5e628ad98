/**
 * What iptables does not tell: rules that it cannot read, rules of somebody else in front, and chains
 * that nft itself made. None of it is ever taken for "no rule".
 *
 * Real: iptables, nft, the kernel's tables, and who answers the pod. Not real: the iptables that is
 * older than the one that wrote the rules. A stand-in prints what kubernetes#114537 shows
 * (`[unsupported revision]`) and what Debian's 1.8.7 was seen to print of rules of 1.8.9 (no
 * `-m tcp --dport 80`).
 */
import assert from "node:assert/strict";
import { findCommand, needsCommands } from "../../../support/requirements.js";
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

const system = "kube2iam" as const;
const metadata = "-A PREROUTING -d 169.254.169.254/32";
/** To a port that is nobody's. */
const rival = rule(8282);

describe("node script, what iptables does not tell", function () {
  let node: TestWorker;
  before(async function () {
    node = await TestWorker.create(this, "not-told", "dash", "bash", "busybox", "mount", "umount");
  });
  after(() => node?.remove());

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
      const outcome = await node.script("restore", { rules }, ["dash"], environment);
      assert.equal(outcome.exitCode, 0, outcome.stderr);
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
      const outcome = await node.script("remove", { system });
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.equal(outcome.report.after.inForce, "kiam");
      assert.deepEqual(outcome.report.findings, []);
    });

    it("does not stop the way back where it takes the requests already", async () => {
      await node.reset({ nft: [rival, kiamRule, kube2iamRule] });
      const outcome = await node.script("remove", { system: "kiam" });
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.ok(outcome.report.findings.some((each) => each.code === "competing-rule"));
      assert.deepEqual(await node.rules("nft"), [rival, kube2iamRule]);
    });
  });

  describe("a chain that nft itself made", () => {
    before(function () {
      needsCommands(this, ["nft"]);
    });
    const toKube2iam = `dnat ip to ${worker.hostIp}:${worker.kube2iamPort}`;
    const toKube2iamInIp = toKube2iam.replace(" ip", "");
    const native = (family: string, priority: string, text: string, table = "own") =>
      `table ${family} ${table} {\n${text.includes("chain ") ? "" : "chain pre {\n"}` +
      `type nat hook prerouting priority ${priority}; policy accept;\n${text}\n}\n}\n`;

    async function nft(ruleset: string): Promise<void> {
      await node.run("nft", ruleset);
    }
    afterEach(() => node.run("nft", "flush ruleset"));

    const first: [string, string][] = [
      [
        "at iptables' own priority",
        native("ip", "dstnat", `ip daddr 169.254.169.254 tcp dport 80 ${toKube2iamInIp}`),
      ],
      [
        "before it, in the family inet, by a network",
        native("inet", "-101", `ip daddr 169.254.0.0/16 tcp dport 80 ${toKube2iam}`),
      ],
      [
        "by a range in a set, from a chain that it jumps to",
        `table inet own {
          set md { type ipv4_addr; flags interval; elements = { 169.254.169.250-169.254.169.255 } }
          chain other { ip daddr @md tcp dport 80 ${toKube2iam}; }
          chain pre { type nat hook prerouting priority -150; jump other; }
        }`,
      ],
      ["with no destination", native("ip", "-110", `iifname cni0 tcp dport 80 redirect to :8181`)],
      [
        "in iptables' own table, where iptables cannot list it",
        native("ip", "-110", `ip daddr 169.254.169.254 tcp dport 80 ${toKube2iamInIp}`, "nat"),
      ],
    ];
    for (const [at, [what, ruleset]] of first.entries()) {
      it(`in front of iptables' rules: nobody can tell who answers (${what})`, async () => {
        const shell = shells[at % shells.length];
        await node.reset({ nft: [kiamRule] });
        assert.equal(await node.whoAnswers(), "kiam");
        await nft(ruleset);
        assert.equal(await node.whoAnswers(), "kube2iam");
        const outcome = await node.script("remove", { system }, shell);
        assertRefused(
          outcome,
          "native-chain",
          /nft's own chain pre \(table .*prerouting, priority/,
        );
        assert.equal(outcome.report.after.inForce, "unknown");
        const seen = await node.script("inspect", {}, shell);
        assert.equal(seen.exitCode, 0, seen.stderr);
        assert.equal(seen.report.after.inForce, "unknown");
      });
    }

    it("behind iptables' rules is only said", async () => {
      await node.reset({ nft: [kube2iamRule, kiamRule] });
      await nft(native("ip", "-90", `ip daddr 169.254.169.254 tcp dport 80 ${toKube2iamInIp}`));
      const outcome = await node.script("remove", { system });
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.equal(outcome.report.after.inForce, "kiam");
      assert.deepEqual(
        outcome.report.findings.map(({ severity, code }) => [severity, code]),
        [["notice", "native-chain"]],
      );
      assert.equal(await node.whoAnswers(), "kiam");
    });

    it("for other traffic is nobody's business", async () => {
      await node.reset({ nft: [kube2iamRule, kiamRule] });
      await nft(`table ip kube-proxy {
        map services { type ipv4_addr . inet_proto . inet_service : verdict;
          elements = { 10.96.0.7 . tcp . 80 : goto endpoint } }
        chain endpoint { meta l4proto tcp dnat to 10.244.1.9:8080; }
        chain pre { type nat hook prerouting priority dstnat;
          ip daddr . meta l4proto . th dport vmap @services; iifname eth0 tcp dport 8443 redirect to :443; }
      }`);
      const outcome = await node.script("remove", { system });
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.deepEqual(outcome.report.findings, []);
      assert.equal(outcome.report.after.inForce, "kiam");
    });

    it("does not stop the way back", async () => {
      await node.reset({ nft: [kiamRule] });
      await nft(native("ip", "-110", `ip daddr 169.254.169.254 tcp dport 80 ${toKube2iamInIp}`));
      const rules = [{ backend: "nft" as const, spec: kube2iamRule }];
      const back = await node.script("restore", { rules });
      assert.equal(back.exitCode, 0, back.stderr);
      const outcome = await node.script("remove", { system: "kiam" });
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.deepEqual(await node.rules("nft"), [kube2iamRule]);
    });

    it("that nft cannot list is said not to be in the report", async () => {
      await node.reset({ nft: [kube2iamRule, kiamRule] });
      const environment = node.first(
        node.tool("nft", "echo 'Operation not permitted' >&2; exit 1"),
      );
      const outcome = await node.script("remove", { system }, ["dash"], environment);
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.match(outcome.stderr, /could not list its chains \(Operation not permitted\)/);
    });

    it("in iptables' own table stops also where nft is not installed to look at it", async () => {
      await node.reset({ nft: [kube2iamRule, kiamRule] });
      await nft(native("ip", "-110", "tcp dport 8443 redirect to :443", "nat"));
      const looked = await node.script("inspect", {});
      assert.equal(looked.report.after.inForce, "kube2iam", looked.stderr);
      assert.deepEqual(looked.report.findings, []);
      const undo = await node.instead("nft", "/dev/null");
      try {
        const outcome = await node.script("remove", { system });
        assertRefused(outcome, "rule-unread", /incompatible base-chains.*Install nft/);
        assert.equal(outcome.report.after.inForce, "unknown");
      } finally {
        await undo();
      }
    });
  });

  describe("interfaces", () => {
    it("a rule of kube2iam's for one that is not there goes with the live one", async () => {
      const stale = rule(worker.kube2iamPort, "cbr0");
      await node.reset({ nft: [stale, kube2iamRule, kiamRule] });
      const outcome = await node.script("remove", { system });
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      assert.deepEqual(
        outcome.report.findings.map(({ severity, code }) => [severity, code]),
        [["notice", "interface-unused"]],
      );
      assert.match(
        outcome.stderr,
        /kube2iam's rule is for interface cbr0, which this machine does not/,
      );
      assert.deepEqual(await node.rules("nft"), [kiamRule]);
      const back = await node.script("restore", { rules: outcome.report.kube2iamRules });
      assert.equal(back.exitCode, 0, back.stderr);
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
        const outcome = await node.script("remove", { system });
        assert.equal(outcome.exitCode, 0, outcome.stderr);
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
        const removed = await node.script("remove", { ...args, system });
        assert.equal(removed.exitCode, 0, removed.stderr);
        const { report } = await node.script("remove", { ...args, system });
        assert.equal(report.kube2iamRule?.source, "derived");
        // As an earlier version derived it, and as it stands in stacks.
        const noted = { backend, spec: kube2iamRule.replace("cni0", "+") };
        for (const rules of [[report.kube2iamRule], [noted]]) {
          await node.reset({ [backend]: [kiams] });
          const back = await node.script("restore", { ...args, rules });
          assert.equal(back.exitCode, 0, back.stderr);
          assert.deepEqual(await node.rules(backend), [all, kiams]);
        }
      });
    }
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
        const undo = [await node.instead("iptables-nft", "/dev/null")];
        undo.push(await node.instead("iptables-legacy", "/dev/null"));
        try {
          const environment = node.first(old);
          const removed = await node.script("remove", { system }, ["dash"], environment);
          assert.equal(removed.exitCode, 0, removed.stderr);
          const rules = removed.report.kube2iamRules;
          const back = await node.script("restore", { rules }, ["busybox", "sh"], environment);
          assert.equal(back.exitCode, 0, back.stderr);
        } finally {
          for (const each of undo) await each();
        }
        assert.deepEqual(await node.rules("legacy"), [kube2iamRule, kiamRule]);
      });
    }
  });
});
