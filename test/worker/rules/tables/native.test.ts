/**
 * Nat chains that nft itself made, which iptables does not list: none of them is taken for "no rule".
 *
 * Real: iptables, nft, the kernel's tables, and who answers the pod.
 */
import assert from "node:assert/strict";
import {
  assertRefused,
  codes,
  kiamRule,
  kube2iamRule,
  shells,
  TestWorker,
  worker,
} from "../../worker.js";

const system = "kube2iam" as const;

describe("node script, a chain that nft itself made", () => {
  const node = TestWorker.forSuite("native", "dash", "bash", "busybox", "mount", "umount", "nft");
  const toKube2iam = `dnat ip to ${worker.hostIp}:${worker.kube2iamPort}`;
  const toKube2iamInIp = toKube2iam.replace(" ip", "");
  const native = (family: string, priority: string, text: string, table = "own") =>
    `table ${family} ${table} {\n${text.includes("chain ") ? "" : "chain pre {\n"}` +
    `type nat hook prerouting priority ${priority}; policy accept;\n${text}\n}\n}\n`;

  const nft = (ruleset: string) => node.run("nft", ruleset);
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
      assertRefused(outcome, "native-chain", /nft's own chain pre \(table .*prerouting, priority/);
      assert.equal(outcome.report.after.inForce, "unknown");
      const seen = await node.done("inspect", {}, shell);
      assert.equal(seen.report.after.inForce, "unknown");
    });
  }

  it("behind iptables' rules is only said", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    await nft(native("ip", "-90", `ip daddr 169.254.169.254 tcp dport 80 ${toKube2iamInIp}`));
    const outcome = await node.done("remove", { system });
    assert.equal(outcome.report.after.inForce, "kiam");
    assert.deepEqual(codes(outcome.report), ["notice native-chain"]);
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
    const outcome = await node.done("remove", { system });
    assert.deepEqual(outcome.report.findings, []);
    assert.equal(outcome.report.after.inForce, "kiam");
  });

  it("does not stop the way back", async () => {
    await node.reset({ nft: [kiamRule] });
    await nft(native("ip", "-110", `ip daddr 169.254.169.254 tcp dport 80 ${toKube2iamInIp}`));
    const rules = [{ backend: "nft" as const, spec: kube2iamRule }];
    await node.done("restore", { rules });
    await node.done("remove", { system: "kiam" });
    assert.deepEqual(await node.rules("nft"), [kube2iamRule]);
  });

  it("that nft cannot list is said not to be in the report", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    const environment = node.first(node.tool("nft", "echo 'Operation not permitted' >&2; exit 1"));
    const outcome = await node.done("remove", { system }, ["dash"], environment);
    assert.match(outcome.stderr, /could not list its chains \(Operation not permitted\)/);
  });

  it("in iptables' own table stops also where nft is not installed to look at it", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    await nft(native("ip", "-110", "tcp dport 8443 redirect to :443", "nat"));
    const looked = await node.script("inspect", {});
    assert.equal(looked.report.after.inForce, "kube2iam", looked.stderr);
    assert.deepEqual(looked.report.findings, []);
    await node.instead(["nft"], "/dev/null", async () => {
      const outcome = await node.script("remove", { system });
      assertRefused(outcome, "rule-unread", /incompatible base-chains.*Install nft/);
      assert.equal(outcome.report.after.inForce, "unknown");
    });
  });
});
