import assert from "node:assert/strict";

import {
  agents,
  kube2iam,
  podsReady,
  restartPods,
  servers,
  sh,
  stsFault,
} from "../../lab/disturb.js";
import { fault } from "./fault.js";
import { hostIp, keepDead, kill, kubectl, rule } from "./onWorker.js";
import { once, type Session, type Update } from "./session.js";

/*
 * Faults that meet the cutover: before, while and right after a worker's rule is deleted. Do not
 * prove anything about official kiam and kube2iam where stand-ins run. A list: it is as long as there
 * are faults.
 */

/** A cutover that a fault has stopped is repeated, and comes to its end. */
async function thenItWorks(lab: Session): Promise<void> {
  await lab.mustReach("cutover");
  await lab.mustReach("agent");
}

fault("agent killed before a worker's cutover", {
  at: "agent",
  run: async (lab) => {
    await kill("worker-1", "/kiam agent");
    await lab.mustReach("cutover");
    await lab.mustReach("agent");
    return "the cutover waited until the agent answered again, and went through";
  },
});

fault("agent dead before a worker's cutover, and staying so", {
  at: "agent",
  run: async (lab) => {
    const dead = keepDead("worker-1", "/kiam agent");
    const { failure, steps } = await lab.move("cutover");
    await dead.stop();
    assert.match(failure, /worker-1/);
    assert.ok(!steps.some((step) => step.includes("-removal")), "no rule was removed");
    await lab.assertRules("agent");
    await restartPods(lab, { ...agents, node: "worker-1" });
    await thenItWorks(lab);
    return "the check before the removal failed and was named; no rule was touched; the rerun began with that worker";
  },
});

fault("agent killed during a worker's cutover", {
  at: "agent",
  mayFail: "between removal and proof the agent is the only path",
  run: async (lab) => {
    const killing = once("worker-2-cutover-removal", "end", () => kill("worker-2", "/kiam agent"));
    const { failure } = await lab.move("cutover", {}, killing.watch);
    await killing.done();
    await podsReady(lab, agents.namespace, agents.selector);
    await thenItWorks(lab);
    return failure === ""
      ? "the proof waited for the agent and passed"
      : "the proof failed and the worker was put back";
  },
});

fault("agent dying during a worker's cutover, and staying so", {
  at: "agent",
  mayFail: "until the worker is back on kube2iam the agent is the only path",
  run: async (lab) => {
    let dead: { stop: () => Promise<void> } | undefined;
    const killing = once("worker-2-cutover-removal", "end", () => {
      dead = keepDead("worker-2", "/kiam agent");
      return Promise.resolve();
    });
    const { failure } = await lab.move("cutover", {}, killing.watch);
    await killing.done();
    assert.match(
      failure,
      /cutover of worker-2 could not be proven; the worker is back on kube2iam/,
    );
    assert.deepEqual(await lab.rules(), {
      "worker-1": "kiam",
      "worker-2": "kube2iam before kiam",
    });
    await lab.everybodyServed(Date.now());
    await dead?.stop();
    await restartPods(lab, { ...agents, node: "worker-2" });
    const { steps } = await lab.mustReach("cutover");
    assert.ok(!steps.some((step) => step.includes("worker-1")), "the healthy one is left alone");
    await lab.mustReach("agent");
    return "put back on kube2iam by the proof that failed, while the agent was still dead; the other worker stayed on kiam";
  },
});

fault("all servers killed, with one worker moved", {
  at: "agent",
  mayFail: "on the moved worker kiam's servers are the only path",
  run: async (lab) => {
    let dead: { stop: () => Promise<void> } | undefined;
    const killing = once("worker-1-cutover-live", "end", () => {
      dead = keepDead("master-1", "/kiam server");
      return Promise.resolve();
    });
    const { failure, steps } = await lab.move("cutover", {}, killing.watch);
    await killing.done();
    assert.match(failure, /worker-2/);
    assert.ok(!steps.includes("over SSH: worker-2-cutover-removal"), "nobody else was moved");
    assert.match((await lab.rules())["worker-2"] ?? "", /^kube2iam/);
    await dead?.stop();
    await restartPods(lab, servers);
    await lab.everybodyServed(Date.now());
    await thenItWorks(lab);
    return "worker-2 was not touched while they were dead; the message named what its probe was answered";
  },
});

fault("cluster DNS down", {
  at: "agent",
  run: async (lab) => {
    await kubectl(lab, "-n", "kube-system", "scale", "deployment/coredns", "--replicas=0");
    await kubectl(
      lab,
      ...["-n", "kube-system", "wait", "--for=delete", "pod", "-l", "k8s-app=kube-dns"],
      "--timeout=60s",
    );
    const { failure } = await lab.move("cutover");
    await kubectl(lab, "-n", "kube-system", "scale", "deployment/coredns", "--replicas=1");
    await kubectl(lab, "-n", "kube-system", "rollout", "status", "deployment/coredns");
    await thenItWorks(lab);
    return failure === ""
      ? "agents hold their connections to the servers; the cutover went through"
      : "the cutover stopped";
  },
});

/**
 * kube2iam asks STS once in 15 minutes. It asks now, so that it has no need to while STS fails: the
 * fault is about kiam.
 */
const kube2iamHasAsked = (lab: Session) => restartPods(lab, kube2iam);

fault("STS slow: 3 s for each AssumeRole", {
  at: "agent",
  setUp: kube2iamHasAsked,
  run: async (lab) => {
    await stsFault({ delayMs: 3000 });
    try {
      await lab.mustReach("cutover");
    } finally {
      await stsFault({});
    }
    await lab.mustReach("agent");
    return "kiam's servers had the roles already; the cutover went through";
  },
});

fault("STS throttling", {
  at: "agent",
  setUp: kube2iamHasAsked,
  run: (lab) => withoutSts(lab, { throttle: true }),
});

fault("STS denying", {
  at: "agent",
  setUp: kube2iamHasAsked,
  run: (lab) => withoutSts(lab, { deny: true }),
});

fault("SSH cut in mid-script", {
  at: "agent",
  run: async (lab) => {
    const cut = once("worker-1-cutover-removal", "begin", () => cutSsh("worker-1"));
    const { failure, steps } = await lab.move("cutover", {}, cut.watch);
    await cut.done();
    assert.notEqual(failure, "");
    assert.ok(!steps.includes("gate worker-1-cutover-live"));
    assert.match((await lab.rules())["worker-1"] ?? "", /^(kiam|kube2iam before kiam)$/);
    const state = (await lab.rules())["worker-1"];
    // The removal may be done and is not in the state: going back has to find it all the same.
    await lab.mustReach("agent");
    await thenItWorks(lab);
    return `the script ended by itself with ${state} in force; the update failed; going back found that, and so did going forward`;
  },
});

fault("host key changed", {
  at: "agent",
  run: async (lab) => {
    await withAnotherHostKey("worker-2", async () => {
      const { failure } = await lab.move("cutover");
      assert.match(failure, /worker-2/);
      assert.match(failure, /host key|handshake/i);
      assert.deepEqual(await lab.rules(), {
        "worker-1": "kiam",
        "worker-2": "kube2iam before kiam",
      });
    });
    await thenItWorks(lab);
    return "not one command was sent to whoever answered; the worker before it stayed moved, nobody after it was";
  },
});

fault("kube2iam's rule in the legacy table, while the xtables lock is held for 20 s", {
  at: "agent",
  run: async (lab) => {
    const spec = rule("worker-1", 8181);
    await sh("worker-1", `iptables-legacy -w -t nat -A ${spec}; iptables -t nat -D ${spec}`);
    const began = Date.now();
    const lock = sh("worker-1", "flock /run/xtables.lock sleep 20");
    await lab.mustReach("cutover");
    const took = Date.now() - began;
    await lock;
    assert.equal(
      (await sh("worker-1", "iptables-legacy -t nat -S PREROUTING")).includes("8181"),
      false,
    );
    assert.ok(took > 19_000, `the update waited for the lock (${took} ms)`);
    await lab.move("agent");
    await toNft();
    await lab.mustReach("agent");
    return "found in the other set of tables and removed there, after waiting for the lock; going back restored it";
  },
});

fault("two rules of kube2iam", {
  at: "agent",
  run: async (lab) => {
    const spec = rule("worker-1", 8181);
    await sh("worker-1", `iptables -t nat -A ${spec}`);
    assert.equal(count(await sh("worker-1", "iptables -t nat -S PREROUTING"), ":8181"), 2);
    await lab.mustReach("cutover");
    assert.equal(count(await sh("worker-1", "iptables -t nat -S PREROUTING"), ":8181"), 0);
    await lab.mustReach("agent");
    return "both were removed, and kube2iam's rule came back first on the way back";
  },
});

fault("foreign rules that look similar", {
  at: "agent",
  run: async (lab) => {
    const own = hostIp["worker-1"];
    const foreign = [
      `PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${own}:8181`,
      `PREROUTING -d 169.254.169.253/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination ${own}:8181`,
      `PREROUTING -d 169.254.169.254/32 -i cni0 -p udp -m udp --dport 80 -j DNAT --to-destination ${own}:8181`,
      `PREROUTING -s 192.0.2.7/32 -d 10.96.0.7/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination ${own}:8181`,
    ];
    for (const spec of foreign) await sh("worker-1", `iptables -t nat -A ${spec}`);
    const standing = async () => {
      const rules = await sh("worker-1", "iptables -t nat -S PREROUTING");
      return foreign.filter((spec) => rules.includes(`-A ${spec}`)).length;
    };
    const { failure: there } = await lab.move("cutover");
    assert.equal(there, "");
    const atCutover = await standing();
    const { failure: back } = await lab.move("agent");
    assert.equal(back, "");
    const atAgent = await standing();
    for (const spec of foreign) await sh("worker-1", `iptables -t nat -D ${spec}`);
    assert.deepEqual([atCutover, atAgent], [4, 4], "all of them stand");
    await lab.mustReach("agent");
    return "four of them (another port, another destination, UDP, a pod of somebody's) stood untouched there and back";
  },
});

fault("disk full on a worker", {
  at: "agent",
  run: async (lab) => {
    const places = "/tmp /var/tmp /run/home/ubuntu /run/lock";
    await sh(
      "worker-1",
      `for d in ${places}; do mount -t tmpfs -o size=64k,mode=1777 full $d; ` +
        `dd if=/dev/zero of=$d/full bs=1k 2>/dev/null || true; done; ! echo x 2>/dev/null >/tmp/more`,
    );
    let update: Update;
    try {
      update = await lab.move("cutover");
    } finally {
      await sh("worker-1", `for d in ${places}; do umount $d; done`);
    }
    assert.match(update.failure, /worker-1/);
    assert.ok(!update.steps.some((step) => step.includes("-removal")), "no rule was removed");
    await lab.assertRules("agent");
    await thenItWorks(lab);
    const [, said = "it could not be checked"] = /^ *- (.*)$/m.exec(update.failure) ?? [];
    return `a container runtime without room can't run a check, so nobody was moved (${said}); with room again it went through`;
  },
});

/** Roles can't be assumed: what kiam holds goes on; what it would have to fetch stops the update. */
async function withoutSts(lab: Session, how: { throttle?: boolean; deny?: boolean }) {
  await stsFault(how);
  let failure: string;
  try {
    // Servers that start now hold nothing.
    await restartPods(lab, servers).catch(() => undefined);
    ({ failure } = await lab.move("cutover"));
    assert.match(failure, /worker-1|kiam-server/);
    for (const [worker, systems] of Object.entries(await lab.rules())) {
      assert.match(systems, /^kube2iam/, `${worker} was not moved`);
    }
  } finally {
    await stsFault({});
  }
  await restartPods(lab, servers);
  await thenItWorks(lab);
  const [, said = "its probe failed"] = /^ *- (.*)$/m.exec(failure) ?? [];
  return `nobody was moved: ${said}`;
}

/** The script ends within a tenth of a second: it stands still until the connection is cut. */
async function cutSsh(node: string): Promise<void> {
  const script = "'sh -s -- [r]emove'";
  await sh(
    node,
    `for look in $(seq 4000); do
       if pkill -STOP -f ${script}; then
         pkill -KILL -f '^sshd: ubuntu'
         exec pkill -CONT -f ${script}
       fi
     done
     echo no script was seen to run >&2
     exit 1`,
  );
}

/**
 * The same worker with a key that nobody knows, as an impostor would have. sshd reads it anew for
 * every connection.
 */
async function withAnotherHostKey(node: string, work: () => Promise<void>): Promise<void> {
  const key = "/etc/ssh/ssh_host_ed25519_key";
  await sh(
    node,
    `cp -p ${key} /run/former-key; ssh-keygen -q -t ed25519 -N '' -f /run/other-key; cat /run/other-key >${key}`,
  );
  try {
    await work();
  } finally {
    await sh(node, `cat /run/former-key >${key}; rm /run/former-key /run/other-key*`);
  }
}

/** The rule back in the tables where kube2iam itself writes it. */
async function toNft(): Promise<void> {
  const spec = rule("worker-1", 8181);
  await sh(
    "worker-1",
    `iptables -t nat -C ${spec} || iptables -t nat -I ${spec.replace("PREROUTING", "PREROUTING 1")}; ` +
      `while iptables-legacy -w -t nat -D ${spec} 2>/dev/null; do :; done`,
  );
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}
