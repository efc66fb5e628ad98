/**
 * What becomes of a worker when the node script is cut short or disturbed: half a script, a closed
 * stdout, signals, a busy lock, a second run at the same time.
 *
 * Real: the shells, iptables, the lock. Not proven here: SIGKILL and power cuts between two
 * commands (the script's header says why they leave one of the two good states).
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { ruleScript } from "../../../worker/rules/script.js";
import { kiamRule, kube2iamRule, shells, TestWorker } from "../worker.js";

const flags = "--host-ip 10.99.0.11 --kube2iam-port 8181 --kiam-port 8881".split(" ");
const removal = ["-s", "--", "remove", ...flags, "--system", "kube2iam"];

describe("node script, disturbed", () => {
  const node = TestWorker.forSuite("disturbed", "dash", "bash", "busybox", "flock");
  beforeEach(() => node.reset({ nft: [kube2iamRule, kiamRule] }));

  for (const shell of shells) {
    it(`does nothing by halves: a script cut off anywhere (${shell[0]})`, async () => {
      const text = ruleScript("remove");
      const cuts = [1, 2, 3, 5, 10, 20, 27, 28, 29, 30, 31, 35, 40].map(
        (left) => text.length - left,
      );
      for (let part = 1; part < 10; part += 1) cuts.push(Math.floor((text.length * part) / 10));
      // The last character is a line break; without it the script is still whole.
      for (const cut of cuts.filter((at) => at < text.length - 1)) {
        const outcome = await node.raw([...shell, ...removal], text.slice(0, cut));
        assert.equal(outcome.stdout, "", `cut at ${cut} of ${text.length}`);
      }
      assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
    });

    it(`finishes with nobody left to read what it prints (${shell[0]})`, async () => {
      const closed = ["exec >&- 2>&-", `exec ${shell.join(" ")} ${removal.join(" ")}`].join("; ");
      const outcome = await node.raw(["sh", "-c", closed], ruleScript("remove"));
      assert.equal(outcome.exitCode, 0);
      assert.deepEqual(await node.rules("nft"), [kiamRule]);
    });

    it(`finishes when its readers go in the middle (${shell[0]})`, async () => {
      await node.order("slow kiam 500");
      const child = node.startScript("remove", { system: "kube2iam" }, shell);
      const exit = once(child, "exit");
      await node.waitForRule("nft", kube2iamRule, false);
      child.stdout.destroy();
      child.stderr.destroy();
      assert.deepEqual(await exit, [0, null]);
      assert.deepEqual(await node.rules("nft"), [kiamRule]);
    });

    it(`finishes after the first change in spite of signals (${shell[0]})`, async () => {
      await node.order("slow kiam 500");
      const child = node.startScript("remove", { system: "kube2iam" }, shell);
      const exit = once(child, "exit");
      await node.waitForRule("nft", kube2iamRule, false);
      for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGPIPE"] as const) {
        assert.equal(child.kill(signal), true);
      }
      assert.deepEqual(await exit, [0, null]);
      assert.deepEqual(await node.rules("nft"), [kiamRule]);
    });

    it(`touches nothing when ended before the first change (${shell[0]})`, async () => {
      await node.order("slow kiam 2000");
      const child = node.startScript("remove", { system: "kube2iam" }, shell);
      const exit = once(child, "exit");
      await node.asked();
      child.kill("SIGTERM");
      assert.deepEqual(await exit, [null, "SIGTERM"]);
      assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
    });
  }

  it("undoes with nobody left to read what it prints", async () => {
    await node.order("slow kiam 500");
    await node.order("then kiam unhealthy 2");
    const child = node.startScript("remove", { system: "kube2iam" });
    const exit = once(child, "exit");
    await node.waitForRule("nft", kube2iamRule, false);
    child.stdout.destroy();
    child.stderr.destroy();
    assert.deepEqual(await exit, [3, null]);
    assert.deepEqual(await node.rules("nft"), [kube2iamRule, kiamRule]);
  });

  it("waits for the xtables lock", async () => {
    await node.reset({ legacy: [kube2iamRule, kiamRule] });
    const holder = node.startOnWorker(
      ...["flock", "/run/xtables.lock", "sh", "-c", "echo held; exec sleep 2"],
    );
    await holder.line();
    const started = Date.now();
    await node.done("remove", { system: "kube2iam" });
    assert.ok(Date.now() - started > 1500, "it did not wait");
    assert.deepEqual(await node.rules("legacy"), [kiamRule]);
  });

  it("touches nothing when the lock stays busy longer than it waits", async () => {
    await node.reset({ legacy: [kube2iamRule, kiamRule] });
    const holder = node.startOnWorker(
      ...["flock", "/run/xtables.lock", "sh", "-c", "echo held; read -r until_told"],
    );
    await holder.line();
    // The real wait, 30 s, would only make the test slow.
    const impatient = ruleScript("remove").replace("LOCK_WAIT=30", "LOCK_WAIT=1");
    const outcome = await node.raw(["dash", ...removal], impatient);
    holder.child.stdin.end("\n");
    await once(holder.child, "exit");
    assert.equal(outcome.exitCode, 1, outcome.stderr);
    assert.equal(outcome.report.findings[0]?.code, "backend-unreadable");
    assert.deepEqual(await node.rules("legacy"), [kube2iamRule, kiamRule]);
  });

  it("holds when two run at once", async () => {
    const outcomes = await Promise.all(
      [0, 1].map(() => node.script("remove", { system: "kube2iam" })),
    );
    for (const outcome of outcomes) assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.deepEqual(await node.rules("nft"), [kiamRule]);
  });
});
