/**
 * When the node script must touch nothing, and say why.
 *
 * Real: iptables and the kernel's tables. Not proven here: every way in which iptables itself can
 * fail; a tool that fails is put in the place of the real one for that.
 */
import assert from "node:assert/strict";
import { ruleScript } from "../../../../worker/rules/script.js";
import type { Backend } from "../../../../migration/rules/natRule.js";
import type { Finding } from "../../../../migration/rules/nodeReport.js";
import { findCommand } from "../../../support/requirements.js";
import {
  assertRefused,
  kiamRule,
  kube2iamRule,
  rule,
  ruleForAll,
  TestWorker,
  worker,
} from "../../worker.js";

type Chains = Partial<Record<Backend, readonly string[]>>;

const toKube2iam = `-j DNAT --to-destination ${worker.hostIp}:${worker.kube2iamPort}`;
const metadata = "-A PREROUTING -d 169.254.169.254/32";

describe("node script refuses and touches nothing", () => {
  const node = TestWorker.forSuite("refusals", "dash", "busybox", "mount", "umount");

  const cases: { what: string; chains: Chains; code: Finding["code"]; message: RegExp }[] = [
    {
      what: "kiam has no rule",
      chains: { nft: [kube2iamRule] },
      code: "rule-absent",
      message: /kiam's rule .* is on none of the tables/,
    },
    {
      what: "neither has a rule",
      chains: {},
      code: "rule-absent",
      message: /node's own role/,
    },
    {
      what: "kiam's rule is for another port",
      chains: { nft: [kube2iamRule, rule(8882)] },
      code: "rule-absent",
      message: /kiam's rule/,
    },
    {
      what: "kiam's rule is for another interface",
      chains: { nft: [kube2iamRule, rule(worker.kiamPort, "eth0")] },
      code: "interface-not-covered",
      message: /interface cni0, but none of kiam's/,
    },
    {
      what: "kiam's rule leaves out just the interface in question",
      chains: { legacy: [kube2iamRule, rule(worker.kiamPort, "!cni0")] },
      code: "interface-not-covered",
      message: /cni0/,
    },
    {
      what: "one of two kube2iam rules is not covered",
      chains: { nft: [kube2iamRule, rule(worker.kube2iamPort, "cali+"), kiamRule] },
      code: "interface-not-covered",
      message: /cali\+/,
    },
    {
      what: "somebody else's rule would come next",
      chains: {
        nft: [
          kube2iamRule,
          `${metadata} -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.99.0.12:8181`,
          kiamRule,
        ],
      },
      code: "competing-rule",
      message: /10\.99\.0\.12:8181/,
    },
    {
      what: "an exemption would come next",
      chains: { legacy: [kube2iamRule, `-A PREROUTING -d 169.254.0.0/16 -j ACCEPT`, kiamRule] },
      code: "competing-rule",
      message: /169\.254\.0\.0\/16/,
    },
    {
      what: "a rule leads to kube2iam with a comment",
      chains: {
        nft: [
          `${metadata} -i cni0 -p tcp -m tcp --dport 80 -m comment --comment "by hand" ${toKube2iam}`,
          kiamRule,
        ],
      },
      code: "unexpected-form",
      message: /by hand/,
    },
    {
      what: "a rule leads to kube2iam from one source only",
      chains: {
        nft: [
          kube2iamRule,
          `-A PREROUTING -s 10.244.1.0/24 -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 ${toKube2iam}`,
          kiamRule,
        ],
      },
      code: "unexpected-form",
      message: /-s 10\.244\.1\.0\/24/,
    },
    {
      what: "a rule leads to kube2iam for all of the link-local network",
      chains: {
        nft: [`-A PREROUTING -d 169.254.0.0/16 -i cni0 -p tcp ${toKube2iam}`, kiamRule],
      },
      code: "unexpected-form",
      message: /169\.254\.0\.0\/16/,
    },
    {
      what: "a rule redirects to kube2iam's port",
      chains: {
        legacy: [
          `${metadata} -p tcp -m tcp --dport 80 -j REDIRECT --to-ports ${worker.kube2iamPort}`,
          kiamRule,
        ],
      },
      code: "unexpected-form",
      message: /REDIRECT/,
    },
  ];

  for (const { what, chains, code, message } of cases) {
    it(`because ${what}`, async () => {
      await node.reset(chains);
      const before = await node.allRules();
      assertRefused(await node.script("remove", { system: "kube2iam" }), code, message);
      assert.deepEqual(await node.allRules(), before);
    });
  }

  it("because a rule leads to kube2iam from another chain", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    await node.run("iptables-nft", "-t", "nat", "-N", "OTHER");
    await node.run(
      ...["iptables-nft", "-t", "nat", "-A", "OTHER", "-d", "169.254.169.254/32", "-p", "tcp"],
      ...toKube2iam.split(" "),
    );
    try {
      const outcome = await node.script("remove", { system: "kube2iam" });
      assertRefused(outcome, "unexpected-form", /-A OTHER/);
    } finally {
      await node.run("iptables-nft", "-t", "nat", "-F", "OTHER");
      await node.run("iptables-nft", "-t", "nat", "-X", "OTHER");
    }
  });

  it("because the agent is unhealthy, every problem at once", async () => {
    await node.reset({ nft: [kube2iamRule] });
    await node.order("unhealthy kiam");
    const outcome = await node.script("remove", { system: "kube2iam", attempts: 1 });
    assertRefused(outcome, "unhealthy", /kiam does not answer on this worker: GET .*503/);
    assertRefused(outcome, "rule-absent", /kiam's rule/);
    assert.deepEqual(await node.rules("nft"), [kube2iamRule]);
  });

  it("because the agent takes the connection and never answers", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    await node.order("hang kiam");
    const outcome = await node.script("remove", { system: "kube2iam", attempts: 1 });
    assertRefused(outcome, "unhealthy", /does not answer/);
  });

  it("mirrored: kiam's rule stays while kube2iam has none or does not answer", async () => {
    await node.reset({ nft: [kiamRule] });
    assertRefused(
      await node.script("remove", { system: "kiam" }),
      "rule-absent",
      /kube2iam's rule/,
    );
    await node.reset({ nft: [kube2iamRule, ruleForAll(worker.kiamPort)] });
    await node.order("unhealthy kube2iam");
    const outcome = await node.script("remove", { system: "kiam", attempts: 1 });
    assertRefused(outcome, "unhealthy", /kube2iam does not answer/);
    assertRefused(outcome, "interface-not-covered", /interface -,/);
  });

  it("mirrored: not for a rule of kiam's whose interface the machine does not have", async () => {
    await node.reset({ nft: [kube2iamRule, rule(worker.kiamPort, "docker0"), kiamRule] });
    const { report } = await node.script("remove", { system: "kiam" });
    assert.equal(report?.outcome, "ok");
    assert.deepEqual(report?.after.kiam, []);
    assert.ok(report?.findings.some((each) => each.code === "interface-unused"));
    // One that may appear with the next pod is another matter.
    await node.reset({ nft: [kube2iamRule, rule(worker.kiamPort, "cali+"), kiamRule] });
    const outcome = await node.script("remove", { system: "kiam" });
    assertRefused(outcome, "interface-not-covered", /cali\+/);
  });

  it("because the address is another machine's", async () => {
    await node.reset({ nft: [rule(8181), kiamRule] });
    const words = ["--host-ip", "10.99.0.12", "--kube2iam-port", "8181", "--kiam-port", "8881"];
    const outcome = await node.raw(
      ["dash", "-s", "--", "remove", "--system", "kube2iam", "--attempts", "1", ...words],
      ruleScript("remove"),
    );
    assertRefused(outcome, "wrong-node", /10\.99\.0\.12 is not an address of this machine/);
    const looked = await node.raw(["dash", "-s", "--", "inspect", ...words], ruleScript("inspect"));
    assertRefused(looked, "wrong-node", /another node/);
  });

  const failingTool = (text: string) => node.tool("tool", `echo '${text}' >&2`, "exit 4");

  it("because a set of tables cannot be read", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    await node.instead(["iptables-legacy"], failingTool("Permission denied"), async () => {
      const outcome = await node.script("remove", { system: "kube2iam" });
      assertRefused(outcome, "backend-unreadable", /legacy tables could not be read.*Permission/);
      assertRefused(await node.script("inspect", {}), "backend-unreadable", /legacy/);
    });
    assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
  });

  it("because there is a legacy table and no tool to read it", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    await node.instead(["iptables-legacy"], "/dev/null", async () => {
      const outcome = await node.script("remove", { system: "kube2iam" });
      assertRefused(outcome, "backend-unreadable", /no iptables-legacy here/);
    });
  });

  it("but not because the nft tools are absent: it says what was not looked at", async () => {
    await node.reset({ legacy: [kube2iamRule, kiamRule] });
    await node.instead(["iptables-nft"], "/dev/null", async () => {
      const outcome = await node.done("remove", { system: "kube2iam" });
      assert.equal(outcome.report.backends[0]?.state, "absent");
      assert.ok(outcome.report.findings.some((finding) => finding.code === "backend-absent"));
    });
    assert.deepEqual(await node.rules("legacy"), [kiamRule]);
  });

  it("but not because the kernel has no nf_tables", async () => {
    await node.reset({ legacy: [kube2iamRule, kiamRule] });
    const message = "iptables v1.8.9 (nf_tables): Failed to initialize nft: Protocol not supported";
    await node.instead(["iptables-nft"], failingTool(message), async () => {
      const outcome = await node.done("remove", { system: "kube2iam" });
      assert.equal(outcome.report.backends[0]?.state, "empty");
    });
  });

  it("because nothing is there to ask the agent with", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    await node.instead(["curl"], "/dev/null", async () => {
      if (findCommand("wget") !== undefined) {
        const gnu = await node.script("inspect", {});
        assert.equal(
          gnu.report.health.every((one) => one.ok),
          true,
          "GNU wget was to be used",
        );
        await node.instead(["wget"], "/dev/null", async () => {
          const outcome = await node.script("remove", { system: "kube2iam" });
          assertRefused(outcome, "unhealthy", /neither curl nor wget/);
        });
      }
    });
  });

  it("and asks with busybox wget where that is all there is", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    const others = ["curl", "wget"].filter((tool) => findCommand(tool) !== undefined);
    await node.instead(others, "/dev/null", async () => {
      const environment = node.first(node.tool("wget", 'exec busybox wget "$@"'));
      await node.order("hang kiam");
      const hanging = await node.done("inspect", {}, ["busybox", "sh"], environment);
      assert.deepEqual(
        hanging.report.health.map((one) => one.ok),
        [true, false],
      );
      await node.order("unhealthy kiam");
      const bad = await node.script("inspect", {}, ["busybox", "sh"], environment);
      assert.match(bad.report.health[1]?.detail ?? "", /503/);
      await node.order("healthy kiam");
      await node.done("remove", { system: "kube2iam" }, ["busybox", "sh"], environment);
    });
  });
});
