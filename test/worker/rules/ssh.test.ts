/**
 * The node script over a real sshd, as an unprivileged user with `sudo -n`, and what becomes of a
 * worker when the connection is cut in the middle.
 *
 * Real: sshd, ssh, sudo, with users and keys of their own in a private mount namespace. Not proven
 * here: the command provider's SSH client, bastions.
 */
import assert from "node:assert/strict";
import { ruleCommand, ruleScript } from "../../../worker/rules/script.js";
import { needsCommands } from "../../support/requirements.js";
import { waitUntil } from "../instrument.js";
import { kiamRule, kube2iamRule, TestWorker, worker } from "../worker.js";
import { WorkerSshd } from "../workerSshd.js";

describe("node script over SSH", () => {
  const node = TestWorker.forSuite("ssh", "sshd", "ssh", "ssh-keygen", "sudo");
  let sshd: WorkerSshd;
  before(async () => {
    sshd = await WorkerSshd.start(node);
  });

  const ssh = (command: string) => sshd.commandLine(command);
  const removal = () => `sudo -n ${ruleCommand("remove", { ...worker, system: "kube2iam" })}`;

  it("inspects, removes and restores", async () => {
    await node.reset({ legacy: [kube2iamRule, kiamRule] });
    const inspect = ruleCommand("inspect", { ...worker, interface: "!eth0" });
    const seen = await node.raw(ssh(`sudo -n ${inspect}`), ruleScript("inspect"));
    assert.equal(seen.exitCode, 0, seen.stderr);
    assert.equal(seen.report.before.inForce, "kube2iam");

    const removed = await node.raw(ssh(removal()), ruleScript("remove"));
    assert.equal(removed.exitCode, 0, removed.stderr);
    assert.deepEqual(await node.rules("legacy"), [kiamRule]);

    const rules = removed.report.kube2iamRules;
    const restored = await node.raw(
      ssh(`sudo -n ${ruleCommand("restore", { ...worker, rules })}`),
      ruleScript("restore"),
    );
    assert.equal(restored.exitCode, 0, restored.stderr);
    assert.deepEqual(await node.rules("legacy"), [kube2iamRule, kiamRule]);
  });

  it("says what is missing without sudo", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    const outcome = await node.raw(ssh(removal().replace("sudo -n ", "")), ruleScript("remove"));
    assert.equal(outcome.exitCode, 1);
    assert.equal(outcome.report.findings[0]?.code, "not-root");
    assert.match(outcome.stderr, /runs as ubuntu.*sudo/);
    assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
  });

  /** Whether that verb of the script runs on the worker. */
  const running = async (verb: string) =>
    (await node.commandLines()).some((line) => line.includes(`-s -- ${verb}`));

  it("drains, and ends at the deadline when the connection is cut", async function () {
    needsCommands(this, ["ss"]);
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    const client = node.keepAliveClient("pod", "169.254.169.254:80");
    assert.equal(await client.say("get /"), "kube2iam");
    await node.reset({ nft: [kiamRule] });
    const drain = (idle: number) =>
      ssh(`sudo -n ${ruleCommand("drain", { ...worker, idle, wait: 3 })}`);

    const asked = node.asked();
    const cut = node.startOnWorker(...drain(60));
    cut.child.stdin.end(ruleScript("drain"));
    await asked;
    cut.child.kill("SIGKILL");
    assert.equal(await running("drain"), true, "it ended before the cut: nothing proven");
    await waitUntil(async () => !(await running("drain")));
    assert.equal(await client.say("get /"), "kube2iam");

    const drained = await node.raw(drain(1), ruleScript("drain"));
    assert.equal(drained.exitCode, 0, drained.stderr);
    assert.equal(drained.report.closed.length, 1);
    assert.equal(await client.line(), "closed");
  });

  for (const [what, orders, chain] of [
    ["finishes", [], [kiamRule]],
    ["undoes", ["then kiam unhealthy 2"], [kube2iamRule, kiamRule]],
  ] as const) {
    it(`${what} by itself when the connection is cut in the middle`, async () => {
      await node.reset({ nft: [kube2iamRule, kiamRule] });
      await node.order("slow kiam 300");
      for (const order of orders) await node.order(order);
      const client = node.startOnWorker(...ssh(removal()));
      client.child.stdin.end(ruleScript("remove"));
      await node.waitForRule("nft", kube2iamRule, false);
      client.child.kill("SIGKILL");
      assert.equal(
        await running("remove"),
        true,
        "it ended before the connection was cut: nothing proven",
      );
      await waitUntil(async () => !(await running("remove")));
      assert.deepEqual(await node.rules("nft"), chain);
    });
  }
});
