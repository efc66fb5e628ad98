import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import pWaitFor from "p-wait-for";

import { SSH_USER } from "../../lab/cluster/topology.js";
import { podsReady, restartPods, servers, sh, workloads } from "../../lab/disturb.js";
import { agentNotReadyTaint } from "../../migration/facts/clusterFacts.js";
import { fault } from "./fault.js";
import { keepDead, kubectl, unreachable } from "./onWorker.js";
import { once, type Session } from "./session.js";

/*
 * Nodes that nobody has planned for: they join between two updates or in the middle of one, leave,
 * come back under their name, can't be reached, or are left out by the settings. None may be lost.
 * A list: it is as long as there are faults.
 */

/**
 * A worker joins, and its pods have been served once. They start beside kube2iam and kiam's agent:
 * one that asks before their rules are there may keep its connection to the node's own role, which
 * no rule ends. So all begin once more when the rules are there.
 *
 * @returns its name
 */
async function joined(lab: Session): Promise<string> {
  const { name } = await (await lab.cluster()).addNode();
  const ruled = async () => Boolean((await lab.rules())[name]);
  await pWaitFor(ruled, { interval: 500, timeout: 120_000 });
  await Promise.all(
    workloads.map(async (workload) => {
      await podsReady(lab, workload.namespace, workload.selector, name);
      await restartPods(lab, { ...workload, node: name });
    }),
  );
  await lab.everybodyServed(Date.now());
  return name;
}

async function leave(lab: Session, name: string): Promise<void> {
  await (await lab.cluster()).removeNode(name);
}

/** Nobody was refused or given another identity since then. */
async function assertUnharmed(lab: Session, since: number): Promise<void> {
  await lab.everybodyServed(Date.now());
  const { failed, wrong, examples } = await lab.answers(since, Date.now());
  assert.deepEqual({ failed, wrong }, { failed: 0, wrong: 0 }, examples.join("\n"));
}

let newcomer = "";
const aNewcomer = async (lab: Session) => {
  newcomer = await joined(lab);
};

fault("a worker that joined after the retirement, and no update before the way back", {
  at: "retire",
  leaves: "server",
  setUp: aNewcomer,
  run: async (lab) => {
    await lab.mustReach("server");
    assert.equal((await lab.rules())[newcomer], "kube2iam");
    await leave(lab, newcomer);
    await lab.mustReach("server");
    return "the way back listed the nodes when it ran: kube2iam serves that one like all others";
  },
});

fault("a worker that workers.selector leaves out, at kube2iam's retirement", {
  at: "server",
  leaves: "retire",
  mayFail: "its settings acknowledge that the worker left out is refused",
  setUp: aNewcomer,
  run: async (lab) => {
    const began = Date.now();
    const workers = { selector: { "example.com/role": "app" } };
    await kubectl(lab, "label", "node", "worker-1", "worker-2", "example.com/role=app");
    assert.equal((await lab.move("cutover", { workers })).failure, "");
    const { failure } = await lab.move("retire", { workers });
    assert.match(failure, new RegExp(`node/${newcomer}: .*\\[node-outside-workers\\]`));
    await assertUnharmed(lab, began);
    const { audit } = await lab.settings("retire");
    const acknowledged = [
      ...(audit?.acknowledged ?? []),
      { code: "node-outside-workers" as const, object: `node/${newcomer}`, reason: "a test" },
    ];
    assert.equal((await lab.move("retire", { workers, audit: { acknowledged } })).failure, "");
    assert.match((await lab.rules())[newcomer] ?? "", /^kube2iam/, "refused, not open");
    await leave(lab, newcomer);
    await lab.mustReach("retire");
    await kubectl(lab, "label", "node", "worker-1", "worker-2", "example.com/role-");
    return "refused before anything was touched; acknowledged by name, its pods were refused and never given the node's own role";
  },
});

fault("a worker left, its pods still listed, and every gate runs again", {
  at: "cutover",
  setUp: aNewcomer,
  run: async (lab) => {
    await lab.mustReach("cutover");
    await leave(lab, newcomer);
    const began = Date.now();
    const { failure } = await lab.move("cutover", { probe: { timeoutSeconds: 21 } });
    assert.equal(failure, "");
    assert.ok(Date.now() - began < 120_000, "it was not waited for");
    await lab.mustReach("cutover");
    return "no gate waited for it";
  },
});

fault("pulumi refresh after a worker left", {
  at: "cutover",
  leaves: "agent",
  setUp: aNewcomer,
  run: async (lab) => {
    await lab.mustReach("cutover");
    await leave(lab, newcomer);
    const stack = await lab.stack("cutover");
    await stack.refresh();
    await lab.mustReach("cutover");
    const state = JSON.stringify(await stack.exportStack());
    assert.ok(!state.includes(`${newcomer}-cutover`), "nothing of it is left in the stack");
    await lab.mustReach("agent");
    return "update and way back went through without pulumi state delete";
  },
});

fault("a worker leaves right before an update marks it as a worker", {
  at: "server",
  leaves: "agent",
  setUp: aNewcomer,
  run: async (lab) => {
    const gone = once("kiam-agent-verified", "begin", () => leave(lab, newcomer));
    const { failure } = await lab.move("agent", {}, gone.watch);
    await gone.done();
    const nodes = await kubectl(lab, "get", "nodes", "-o", "name");
    assert.match(failure, new RegExp(`node ${newcomer}: it has left the cluster`));
    assert.ok(!nodes.includes(newcomer), `no Node came back for one that has left: ${nodes}`);
    await lab.mustReach("agent");
    return "the update failed and left no empty Node; the next one forgot the worker and went on";
  },
});

fault("a worker replaced under its name", {
  at: "cutover",
  leaves: "agent",
  setUp: aNewcomer,
  run: async (lab) => {
    await lab.mustReach("cutover");
    await leave(lab, newcomer);
    const { name } = await (await lab.cluster()).addNode({ taints: [agentNotReadyTaint] });
    assert.equal(name, newcomer);
    await kubectl(lab, "taint", "node", name, `${agentNotReadyTaint.key}-`);
    await lab.everybodyServed(Date.now(), 120);
    const { steps } = await lab.mustReach("cutover");
    assert.ok(steps.includes(`gate ${name}-cutover-capture`), steps.join(", "));
    assert.ok(steps.includes(`gate ${name}-cutover-live`), steps.join(", "));
    assert.ok(!steps.some((step) => /worker-[12]-/.test(step)), steps.join(", "));
    assert.deepEqual((await lab.mustReach("cutover")).steps, []);
    await lab.mustReach("agent");
    await leave(lab, name);
    await lab.mustReach("agent");
    return "its successor was captured and moved anew, and brought back as itself";
  },
});

fault("a worker that joins while all others go back", {
  at: "cutover",
  leaves: "server",
  run: async (lab) => {
    const cluster = await lab.cluster();
    let name = "";
    const join = once("fallback", "begin", async () => {
      ({ name } = await cluster.addNode({ taints: [agentNotReadyTaint] }));
    });
    const { failure } = await lab.move("server", {}, join.watch);
    await join.done();
    assert.equal(failure, "");
    const rules = (await lab.rules())[name] ?? "";
    assert.ok(!rules.includes("kiam"), `no rule leads to an agent that is gone: ${rules}`);
    await leave(lab, name);
    await lab.mustReach("server");
    return "no rule of kiam's was left on it without an agent";
  },
});

fault("kiam's servers dead, and a worker has joined, when all go back", {
  at: "cutover",
  leaves: "agent",
  mayFail: "until a worker is back on kube2iam, kiam's servers are its only path",
  setUp: aNewcomer,
  run: async (lab) => {
    const dead = keepDead("master-1", "/kiam server");
    const { failure } = await lab.move("agent");
    assert.equal(failure, "", "nothing that kiam would have to answer stands in the way");
    const rules = await lab.rules();
    for (const name of ["worker-1", "worker-2"]) assert.equal(rules[name], "kube2iam before kiam");
    await dead.stop();
    await restartPods(lab, servers);
    await leave(lab, newcomer);
    await lab.everybodyServed(Date.now());
    await lab.mustReach("agent");
    return "every worker that had been moved was back on kube2iam before kiam could answer anything";
  },
});

fault("a worker not Ready while all others go back", {
  at: "cutover",
  leaves: "agent",
  run: async (lab) => {
    const mend = await unreachable(lab, "worker-2");
    const { failure } = await lab.move("agent");
    assert.equal(failure, "", "going back is not held up by it");
    const between = await lab.rules();
    assert.equal(between["worker-1"], "kube2iam before kiam");
    assert.equal(between["worker-2"], "kiam");
    await lab.everybodyServed(Date.now());
    await mend();
    const { steps } = await lab.mustReach("agent");
    assert.ok(steps.includes("gate worker-2-return"), steps.join(", "));
    await lab.mustReach("agent");
    return "it was named and skipped, and kiam went on serving it; the next update brought it back";
  },
});

fault("a worker not Ready while the agents are to go", {
  at: "cutover",
  leaves: "server",
  run: async (lab) => {
    const mend = await unreachable(lab, "worker-2");
    const { failure } = await lab.move("server");
    assert.match(failure, /kiam's agents stay, since 1 node cannot be reached/);
    assert.match(failure, /node worker-2: it is not Ready/);
    assert.equal((await lab.rules())["worker-1"], "kube2iam");
    await lab.everybodyServed(Date.now());
    await mend();
    await lab.mustReach("server");
    return "all others were back on kube2iam, the agents stayed, and the worker was named; once it was back, so were all";
  },
});

fault("a worker not Ready at the cutover", {
  at: "agent",
  leaves: "cutover",
  run: async (lab) => {
    const mend = await unreachable(lab, "worker-2");
    const { failure } = await lab.move("cutover");
    assert.match(failure, /could not be accounted for/);
    assert.match(failure, /node worker-2: it is not Ready/);
    assert.equal((await lab.rules())["worker-1"], "kiam");
    await lab.everybodyServed(Date.now());
    const retired = await lab.move("retire");
    assert.match(retired.failure, /node\/worker-2: it is not Ready .*\[worker-not-ready\]/);
    await mend();
    await lab.mustReach("cutover");
    return "all others were moved, then the update failed naming it; kube2iam could not be retired; the next update moved it";
  },
});

fault("a worker that joins while kube2iam is retired", {
  at: "cutover",
  leaves: "retire",
  run: async (lab) => {
    const cluster = await lab.cluster();
    const newNodes = { startupTaint: true };
    assert.equal((await lab.move("cutover", { newNodes })).failure, "");
    let name = "";
    const join = once("kube2iam-retirement-undo", "begin", async () => {
      ({ name } = await cluster.addNode({ taints: [agentNotReadyTaint] }));
    });
    const { failure } = await lab.move("retire", { newNodes }, join.watch);
    await join.done();
    await lab.everybodyServed(Date.now(), 120);
    assert.equal((await lab.move("retire", { newNodes })).failure, "");
    assert.equal((await lab.rules())[name], "kiam");
    await leave(lab, name);
    await lab.mustReach("retire");
    return `the retirement ${failure === "" ? "went through without it" : "stopped, naming it"}; the next update had it on kiam alone, like all others`;
  },
});

fault("SSH key and user rotated after the cutover", {
  at: "cutover",
  leaves: "agent",
  run: async (lab) => {
    const directory = await mkdtemp(join(tmpdir(), "kiam-fault-"));
    const file = join(directory, "key");
    await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
    const [privateKey, publicKey] = await Promise.all([
      readFile(file, "utf8"),
      readFile(`${file}.pub`, "utf8"),
    ]);
    await rm(directory, { recursive: true });
    const keys = `/etc/ssh/authorized_keys/${SSH_USER}`;
    const nodes = ["worker-1", "worker-2"];
    await Promise.all(
      nodes.map((node) => sh(node, `cp ${keys} /root/keys; echo '${publicKey.trim()}' >${keys}`)),
    );
    try {
      const { failure, steps } = await lab.move("cutover", { ssh: { privateKey } });
      assert.equal(failure, "");
      assert.ok(!steps.some((step) => step.includes("-capture")), steps.join(", "));
      assert.equal((await lab.move("agent", { ssh: { privateKey } })).failure, "");
      await lab.assertRules("agent");
    } finally {
      await Promise.all(nodes.map((node) => sh(node, `cat /root/keys >${keys}`)));
    }
    await lab.mustReach("agent");
    return "nothing was captured anew, and the way back needed no key at all";
  },
});

fault("workers that have no SSH: there and back by exec", {
  at: "agent",
  run: async (lab) => {
    const workers = { access: "exec" as const };
    const change = {
      workers,
      ssh: { privateKey: undefined, hostKeys: {} },
      retirement: { then: "stop" as const },
    };
    const { failure, steps } = await lab.move("cutover", change);
    assert.equal(failure, "");
    assert.ok(!steps.some((step) => step.startsWith("over SSH")), steps.join(", "));
    await lab.assertRules("cutover");
    assert.equal((await lab.move("agent", change)).failure, "");
    await lab.mustReach("agent");
    return "captured, removed, rehearsed and put back through the pods there";
  },
});

fault("a worker whose host key is not known", {
  at: "agent",
  leaves: "cutover",
  run: async (lab) => {
    const { ssh } = await lab.settings("cutover");
    const hostKeys = { "worker-1": ssh?.hostKeys?.["worker-1"] ?? "" };
    const { failure } = await lab.move("cutover", { ssh: { hostKeys } });
    assert.match(failure, /node worker-2: its SSH host key is not known/);
    assert.equal((await lab.rules())["worker-1"], "kiam");
    assert.equal((await lab.rules())["worker-2"], "kube2iam before kiam");
    await lab.mustReach("cutover");
    return "all others were moved, then the update failed naming it; with its key, it was moved, too";
  },
});

fault("a node's annotation that is a shell command", {
  at: "agent",
  leaves: "cutover",
  run: async (lab) => {
    const payload = "x\nid >/tmp/pwned #$(id >/tmp/pwned)`id >/tmp/pwned`";
    const record = { generation: payload, bootId: payload, kube2iamPod: payload, proven: true };
    const annotation = `kube2iam-to-kiam/cutover=${JSON.stringify(record)}`;
    await kubectl(lab, "annotate", "node", "worker-2", annotation);
    const { failure } = await lab.move("cutover");
    assert.match(failure, /node\/worker-2: .*\[cutover-record-unreadable\]/);
    await kubectl(lab, "annotate", "node", "worker-2", "kube2iam-to-kiam/cutover-");
    await lab.mustReach("cutover");
    for (const node of ["worker-1", "worker-2"]) {
      assert.equal(await sh(node, "ls /tmp/pwned 2>/dev/null || true"), "");
    }
    return "it was a finding, and never part of a command line";
  },
});

fault("a native nft chain that sends requests to kube2iam, besides kiam's rule", {
  at: "agent",
  leaves: "cutover",
  run: async (lab) => {
    const table = "table ip other_kube2iam";
    await sh(
      "worker-1",
      `nft -f - <<'END'
${table} {
  chain prerouting {
    type nat hook prerouting priority -110;
    iifname "cni0" ip daddr 169.254.169.254 tcp dport 80 dnat to 10.99.0.11:8181
  }
}
END`,
    );
    const { failure } = await lab.move("cutover");
    assert.match(failure, /worker-1/);
    await lab.everybodyServed(Date.now());
    await sh("worker-1", `nft delete ${table}`);
    await lab.mustReach("cutover");
    return "the worker did not count as proven while kube2iam answered; nobody was refused";
  },
});
