/**
 * Ending connections to kube2iam that deleting its rule did not touch: which are closed, which are
 * not, what the client sees of it, what the kernel remembers of it, and when nothing is closed at all.
 *
 * Real: TCP connections through the kernel's nat, the kernel's list of sockets and its SOCK_DESTROY,
 * ss. The kernel is told to forget sooner than it does by default. Not proven here: a request that is
 * sent in the few milliseconds between looking and closing (it would be reset); other clients than
 * Node's; older versions of ss (sockets.test.ts reads what those print).
 *
 * Long, since each case needs the clients and the left-behind connection of the first lines.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type RuleArguments, ruleArguments, ruleScript } from "../../../../worker/rules/script.js";
import type { Finding, NodeReport } from "../../../../migration/rules/nodeReport.js";
import { findCommand, needsCommands } from "../../../support/requirements.js";
import { withFunctions } from "../scriptFunctions.js";
import type { Instrument } from "../../instrument.js";
import {
  assertRefused,
  codes,
  kiamRule,
  kube2iamRule,
  rule,
  shells,
  TestWorker,
  worker,
} from "../../worker.js";

const path = "/latest/meta-data/";
/** Seconds for which the kernel remembers a connection that was reset; ten by default. */
const memory = 2;

describe("node script, drain", () => {
  const node = TestWorker.forSuite("drain", "dash", "bash", "busybox", "mount", "umount", "ss");
  let clients: Instrument[] = [];
  before(() => setMemory(memory));
  afterEach(async () => {
    for (const { child } of clients) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
    clients = [];
  });

  const setMemory = (seconds: number) =>
    node.run("sh", "-c", `echo ${seconds} >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close`);

  /** A pod's client with a connection to kube2iam, whose rule was deleted since. */
  async function leftBehind(): Promise<Instrument> {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    const client = await connected("pod", "169.254.169.254:80");
    await node.reset({ nft: [kiamRule] });
    return client;
  }

  async function connected(where: "pod" | "worker", address: string): Promise<Instrument> {
    const client = node.keepAliveClient(where, address);
    clients.push(client);
    assert.equal(await client.say(`get ${path}`), "kube2iam");
    return client;
  }

  async function drain(
    args: Omit<RuleArguments["drain"], keyof typeof worker>,
    shell?: readonly string[],
    environment?: Record<string, string>,
  ): Promise<{ report: NodeReport; seconds: number }> {
    const started = performance.now();
    const outcome = await node.done("drain", args, shell, environment);
    const { report } = outcome;
    assert.deepEqual([report.verb, report.outcome, report.changed], ["drain", "ok", false]);
    return { report, seconds: (performance.now() - started) / 1000 };
  }

  /** An environment with an ss that closes nothing. */
  function deafKernel() {
    const real = findCommand("ss") ?? "";
    // ss -K passes over what the kernel does not close, and succeeds.
    return node.first(
      node.tool("ss", 'case $1 in *K*) echo "Netid State"; exit 0 ;; esac', `exec ${real} "$@"`),
    );
  }

  for (const shell of shells) {
    it(`closes an idle connection, and the client's next request goes to kiam (${shell[0]})`, async () => {
      const client = await leftBehind();
      // What this is for: the rule is gone and the client is still with kube2iam.
      assert.equal(await client.say(`get ${path}`), "kube2iam");
      await sleep(1100);
      const { report } = await drain({ idle: 1, wait: 0, interface: "cni0" }, shell);
      assert.equal(await client.line(), "closed");
      assert.equal(await client.say(`get ${path}`), "kiam");
      assert.deepEqual(report.kube2iamConnections, []);
      assert.deepEqual(report.findings, []);
      const [closed, ...others] = report.closed;
      assert.deepEqual(others, []);
      assert.equal(closed?.address, "10.244.1.5");
      const { idleSeconds } = closed;
      assert.ok(idleSeconds >= 1 && idleSeconds < 10, `idle for ${idleSeconds} s`);

      const again = await drain({ idle: 1, wait: 0 }, shell);
      assert.deepEqual(again.report.closed, []);
    });
  }

  it("waits until a busy client is idle, and costs it no request", async () => {
    const client = await leftBehind();
    const busy = client.say(`keep ${path} 150 20`);
    const { report, seconds } = await drain({ idle: 1, wait: 50 });
    // Every answer came from kube2iam over the connection that was there: none was lost.
    assert.equal(await busy, "kube2iam");
    assert.equal(await client.line(), "closed");
    assert.equal(report.closed.length, 1);
    assert.deepEqual(report.kube2iamConnections, []);
    assert.ok(seconds > 3 && seconds < 50, `it took ${seconds} s`);
  });

  it("leaves a client alone that waits for an answer, however long that takes", async () => {
    const client = await leftBehind();
    const answer = client.say("get /wait/12000");
    await sleep(1500);
    const { report } = await drain({ idle: 1, wait: 1 });
    assert.deepEqual(report.closed, []);
    assert.deepEqual(
      report.kube2iamConnections.map(({ address }) => address),
      ["10.244.1.5"],
    );
    const [left] = report.findings;
    assert.equal(left?.code, "connections-left");
    assert.match(
      left.message,
      /10\.244\.1\.5:\d+ \(waiting for an answer, idle for ([2-9]|\d\d) s\)/,
    );
    assert.equal(await answer, "kube2iam");
  });

  it("says which connections are left at the end, and closes none of them", async () => {
    const client = await leftBehind();
    const { report, seconds } = await drain({ idle: 60, wait: 2 });
    assert.ok(seconds >= 2 && seconds < 30, `it took ${seconds} s`);
    assert.deepEqual(report.closed, []);
    const [connection, ...others] = report.kube2iamConnections;
    assert.deepEqual([connection?.address, others], ["10.244.1.5", []]);
    assert.deepEqual(codes(report), ["notice connections-left"]);
    assert.match(
      report.findings[0]?.message ?? "",
      new RegExp(
        `after 2 s .* 10\\.244\\.1\\.5:${connection?.port} \\(idle for ([2-9]|\\d\\d) s\\)`,
      ),
    );
    assert.equal(await client.say(`get ${path}`), "kube2iam");
  });

  it("closes one and leaves the other of the same pod", async () => {
    const idle = await leftBehind();
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    await sleep(1100);
    const recent = await connected("pod", "169.254.169.254:80");
    await node.reset({ nft: [kiamRule] });
    const { report } = await drain({ idle: 1, wait: 0 });
    assert.equal(await idle.line(), "closed");
    assert.equal(report.closed.length, 1);
    assert.equal(report.kube2iamConnections.length, 1);
    assert.notEqual(report.closed[0]?.port, report.kube2iamConnections[0]?.port);
    assert.equal(await recent.say(`get ${path}`), "kube2iam");
  });

  describe("told to close what is left", () => {
    it("closes a busy client between two requests, and costs it none", async () => {
      const client = await leftBehind();
      const told = client.say(`keep ${path} 400 30`);
      const { report } = await drain({ wait: 1, left: "close" });
      assert.equal(report.closed.length, 1);
      assert.deepEqual([report.kube2iamConnections, report.findings], [[], []]);
      assert.deepEqual([await told, await client.line()], ["closed", "kube2iam,kiam"]);
    });

    it("closes at last also who waits for an answer", async function () {
      this.timeout(120_000);
      const client = await leftBehind();
      const answer = client.say("get /wait/60000");
      const { report, seconds } = await drain({ idle: 60, wait: 1, left: "close" });
      assert.equal(report.closed.length, 1);
      assert.ok(seconds > 9 + memory, `it was given no time: ${seconds} s`);
      assert.deepEqual([report.kube2iamConnections, report.findings], [[], []]);
      const told = [await answer, await client.line()].sort();
      assert.deepEqual(told, ["closed", "failed: read ECONNRESET"]);
    });

    it("has nothing to wait for where nobody holds on", async () => {
      await node.reset({ nft: [kiamRule] });
      const { report, seconds } = await drain({ wait: 60, left: "close" });
      assert.deepEqual([report.closed, report.findings], [[], []]);
      assert.ok(seconds < 50, `it took ${seconds} s`);
    });

    it("leaves it to kube2iam's end where ss is not there, or the kernel closes nothing", async () => {
      const client = await leftBehind();
      const args = { wait: 0, left: "close" } as const;
      await node.instead(["ss"], "/dev/null", async () => {
        const { report } = await drain(args);
        assert.deepEqual(codes(report), ["notice no-ss"]);
        assert.equal(report.kube2iamConnections.length, 1);
      });
      const { report } = await drain(args, ["dash"], deafKernel());
      assert.deepEqual(codes(report), ["notice not-closed", "notice connections-left"]);
      assert.equal(report.kube2iamConnections.length, 1);
      assert.equal(await client.say(`get ${path}`), "kube2iam");
    });
  });

  describe("where a new connection has the ports of one that was closed", () => {
    /** A request from the pod with a certain source port: who answers? */
    const answerTo = (port: number | undefined) => node.whoAnswers("--local-port", String(port));

    /** What this is for: with kube2iam gone, that request would be refused. */
    it("the kernel sends it to kube2iam, whatever the rules say", async () => {
      await leftBehind();
      const [held] = (await node.script("inspect", {})).report.kube2iamConnections;
      const draining = drain({ wait: 0, left: "close" });
      await clients[0]?.line();
      assert.equal(await answerTo(held?.port), "kube2iam");
      await draining;
    });

    it("the script knows for how long that is so, in every shell", async () => {
      for (const [seconds, known] of [
        [2, "3"],
        [10, "11"],
        [120, "61"], // as long as it waits at most
      ] as const) {
        await setMemory(seconds);
        for (const shell of shells) {
          assert.deepEqual(
            withFunctions("drain", ["nsenter", ...node.onWorker(shell)], "memory_of_closed"),
            [known],
          );
        }
      }
      await setMemory(memory);
    });

    it("it goes to kiam once the script has ended", async () => {
      await leftBehind();
      const { report, seconds } = await drain({ wait: 0, left: "close" });
      assert.ok(seconds >= memory, `it took ${seconds} s`);
      assert.equal(await answerTo(report.closed[0]?.port), "kiam");
    });
  });

  it("neither counts nor touches the worker's own connections", async () => {
    await node.reset({ nft: [kiamRule] });
    const own = [
      await connected("worker", `${worker.hostIp}:${worker.kube2iamPort}`),
      await connected("worker", `127.0.0.1:${worker.kube2iamPort}`),
      await connected("worker", `10.244.1.1:${worker.kube2iamPort}`),
    ];
    await sleep(1100);
    const { report } = await drain({ idle: 1, wait: 5 });
    assert.deepEqual([report.closed, report.kube2iamConnections, report.findings], [[], [], []]);
    // Had one been closed, that line would come first.
    for (const client of own) assert.equal(await client.say(`get ${path}`), "kube2iam");
  });

  describe("refuses and closes nothing", () => {
    const cases: {
      what: string;
      chain: readonly string[];
      interface?: string;
      code: Finding["code"];
      message: RegExp;
    }[] = [
      {
        what: "kube2iam's rule is there, be it behind kiam's",
        chain: [kiamRule, kube2iamRule],
        code: "rule-present",
        message: /kube2iam's rule is .*here: nft 2 -A PREROUTING .*come back to kube2iam/,
      },
      {
        what: "kiam's rule is not there",
        // Not empty: with a table that was emptied the kernel forgets its translations.
        chain: [rule(worker.kiamPort).replace("169.254.169.254", "10.96.0.7")],
        code: "rule-absent",
        message: /would get the node's own role/,
      },
      {
        what: "kiam's rule is for another interface than kube2iam's was",
        chain: [rule(worker.kiamPort, "cali+")],
        interface: "cni0",
        code: "interface-not-covered",
        message: /kube2iam's rule was for interface cni0/,
      },
      {
        what: "somebody else's rule comes before kiam's",
        chain: [kiamRule.replace(worker.hostIp, "10.99.0.12"), kiamRule],
        code: "competing-rule",
        message: /comes before kiam's: .*10\.99\.0\.12/,
      },
      {
        what: "a rule leads to kube2iam in another form",
        chain: [`${kube2iamRule} --random`, kiamRule],
        code: "unexpected-form",
        message: /--random/,
      },
    ];
    for (const { what, chain, code, message, ...args } of cases) {
      it(`because ${what}`, async () => {
        const client = await leftBehind();
        await node.reset({ nft: chain });
        await sleep(1100);
        const outcome = await node.script("drain", { idle: 1, wait: 5, ...args });
        assertRefused(outcome, code, message);
        assert.deepEqual(outcome.report.closed, []);
        assert.equal(await client.say(`get ${path}`), "kube2iam");
      });
    }

    it("because kiam is not healthy", async () => {
      const client = await leftBehind();
      await node.order("unhealthy kiam");
      await sleep(1100);
      const outcome = await node.script("drain", { idle: 1, wait: 5, attempts: 1 });
      assertRefused(outcome, "unhealthy", /kiam does not answer.*503/);
      assert.equal(await client.say(`get ${path}`), "kube2iam");
    });

    it("because it does not run as root, or on another worker than the one meant", async function () {
      needsCommands(this, ["setpriv"]);
      await node.reset({ nft: [kiamRule] });
      const args = { idle: 1, wait: 5 };
      const user = ["setpriv", "--reuid=1000", "--clear-groups", "dash"];
      assertRefused(await node.script("drain", args, user), "not-root", /sudo/);
      const other = ruleArguments("drain", {
        ...worker,
        ...args,
        hostIp: "10.99.0.12",
        attempts: 1,
      });
      assertRefused(await node.raw(other, ruleScript("drain")), "wrong-node", /another node/);
    });

    it("because ss is not installed, or fails", async () => {
      const client = await leftBehind();
      await sleep(1100);
      await node.instead(["ss"], "/dev/null", async () => {
        const outcome = await node.script("drain", { idle: 1, wait: 5 });
        assertRefused(outcome, "no-ss", /Install iproute2.*closeIdleSeconds/);
      });
      const environment = node.first(
        node.tool("ss", "echo 'Cannot open netlink socket' >&2", "exit 1"),
      );
      const outcome = await node.script("drain", { idle: 1, wait: 5 }, ["dash"], environment);
      assertRefused(outcome, "no-ss", /could not be listed.*Cannot open netlink socket/);
      assert.equal(await client.say(`get ${path}`), "kube2iam");
    });

    it("because the kernel closes nothing", async () => {
      const client = await leftBehind();
      await sleep(1100);
      const outcome = await node.script("drain", { idle: 1, wait: 5 }, ["dash"], deafKernel());
      assertRefused(outcome, "not-closed", /10\.244\.1\.5:\d+ .*CONFIG_INET_DIAG_DESTROY/);
      assert.equal(await client.say(`get ${path}`), "kube2iam");
    });
  });

  describe("stops closing", () => {
    it("when kube2iam's rule comes back meanwhile", async () => {
      const client = await leftBehind();
      const asked = node.asked();
      const draining = node.script("drain", { idle: 5, wait: 12 });
      await asked;
      await sleep(500);
      await node.reset({ nft: [kiamRule, kube2iamRule] });
      const outcome = await draining;
      assert.equal(outcome.exitCode, 1, outcome.stderr);
      assert.match(outcome.stderr, /kube2iam's rule is \(still, or again\) here/);
      assert.deepEqual(outcome.report.closed, []);
      assert.equal(await client.say(`get ${path}`), "kube2iam");
    });

    it("when kiam stops answering meanwhile", async () => {
      const client = await leftBehind();
      await sleep(1100);
      // The check at the start asks twice.
      await node.order("then kiam unhealthy 2");
      const outcome = await node.script("drain", { idle: 1, wait: 1 });
      assertRefused(outcome, "unhealthy", /kiam stopped answering.*503.*No more/);
      assert.equal(await client.say(`get ${path}`), "kube2iam");
    });

    it("at the deadline, also with nobody left to read what it prints", async () => {
      await leftBehind();
      const started = performance.now();
      const asked = node.asked();
      const child = node.startScript("drain", { idle: 60, wait: 3 });
      const exit = once(child, "exit");
      await asked;
      child.stdout.destroy();
      child.stderr.destroy();
      await exit;
      const seconds = (performance.now() - started) / 1000;
      assert.ok(seconds < 50, `it took ${seconds} s`);
    });
  });
});
