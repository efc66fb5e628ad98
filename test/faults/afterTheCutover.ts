import assert from "node:assert/strict";

import { AWS_ENDPOINT } from "../../lab/aws/command.js";
import {
  agents,
  expireSessions,
  kube2iam,
  podsReady,
  restartPods,
  servers,
  sh,
  stsFault,
} from "../../lab/disturb.js";
import { IMAGE_TAGS } from "../../lab/images/tags.js";
import { RECORDS_ON_NODE } from "../../lab/workload/records.js";
import { parseNodeReport } from "../../migration/rules/nodeReport.js";
import { fault } from "./fault.js";
import { hostIp, keepDead, kill, kubectl, orders, rule } from "./onWorker.js";
import type { Session, Update } from "./session.js";

/*
 * Faults after workers were moved, and how the next update heals exactly what is ill. Do not
 * prove anything about official kiam and kube2iam where stand-ins run.
 */

/** The next update repairs that worker, and does nothing at all to the other. */
async function heals(lab: Session, worker: string, stage: "cutover" | "retire" = "cutover") {
  const update = await lab.mustReach(stage);
  assert.ok(
    update.steps.includes(`gate ${worker}-cutover-live`),
    `${worker} was proven again: ${update.steps.join(", ")}`,
  );
  assertOnly(update, worker);
  const { steps } = await lab.mustReach(stage);
  assert.deepEqual(steps, [], "and then there is nothing left to do");
}

function assertOnly({ steps }: Update, worker: string): void {
  const others = steps.filter((step) => /worker-\d/.test(step) && !step.includes(worker));
  assert.deepEqual(others, [], "healthy workers are left alone");
}

fault("agent killed after a worker's cutover", {
  at: "cutover",
  mayFail: "the agent is the only path",
  run: async (lab) => {
    await kill("worker-1", "/kiam agent");
    await podsReady(lab, agents.namespace, agents.selector);
    await lab.assertRules("cutover");
    return "refused until it was back; its rule stayed, so nobody was given the node's own role";
  },
});

fault("agent dead after a worker's cutover, and staying so", {
  at: "cutover",
  mayFail: "until the next update the agent is the only path",
  run: async (lab) => {
    const dead = keepDead("worker-1", "/kiam agent");
    const { failure } = await lab.move("cutover");
    assert.match(failure, /worker-1/);
    assert.deepEqual(await lab.rules(), {
      "worker-1": "kube2iam before kiam",
      "worker-2": "kiam",
    });
    await lab.everybodyServed(Date.now());
    await dead.stop();
    await restartPods(lab, { ...agents, node: "worker-1" });
    await heals(lab, "worker-1");
    return "the next update saw it, could not prove the worker and put it back on kube2iam; the one after that moved it again";
  },
});

fault("STS denying after the cutover, and the servers restarted", {
  at: "cutover",
  mayFail: "nobody can give credentials that STS refuses",
  run: async (lab) => {
    await stsFault({ deny: true });
    try {
      await expireSessions("app-orders");
      await restartPods(lab, servers);
    } finally {
      await stsFault({});
    }
    await restartPods(lab, servers);
    await lab.everybodyServed(Date.now());
    await lab.mustReach("cutover");
    return "no answer, and never a wrong one; served again as soon as STS was and the servers had asked anew";
  },
});

fault("rolling update of the agent", {
  at: "cutover",
  mayFail: "on one worker after the other the agent is gone for a moment",
  run: async (lab) => {
    const { failure, steps } = await lab.move("cutover", {
      // Anything that changes the agent's pods, and not the server's.
      kiam: { resources: { agent: { requests: { cpu: "11m" } } } },
    });
    assert.equal(failure, "");
    assert.ok(steps.includes("DaemonSet kiam-agent"));
    await lab.assertRules("cutover");
    await lab.mustReach("cutover");
    return "its rule stays on every worker; refused while no agent listens there";
  },
});

fault("kube2iam's pod restarted on a moved worker", {
  at: "cutover",
  run: async (lab) => {
    await restartPods(lab, { ...kube2iam, node: "worker-2" });
    assert.equal((await lab.rules())["worker-2"], "kiam before kube2iam");
    await heals(lab, "worker-2");
    return "its rule came back, behind kiam's; the next update took it out on that worker alone";
  },
});

fault("somebody puts kube2iam's rule back in front by hand", {
  at: "cutover",
  run: async (lab) => {
    await sh(
      "worker-1",
      `iptables -t nat -I ${rule("worker-1", 8181).replace("PREROUTING", "PREROUTING 1")}`,
    );
    await heals(lab, "worker-1");
    return "seen in the rules themselves; that worker was cut over anew";
  },
});

fault("somebody deletes kiam's rule by hand, where kube2iam's is in front", {
  at: "agent",
  run: async (lab) => {
    const spec = rule("worker-2", 8881);
    await sh("worker-2", `iptables -t nat -D ${spec}`);
    // A boot guard that ran there before has written it into these tables, too.
    await sh("worker-2", `while iptables-legacy -w -t nat -D ${spec} 2>/dev/null; do :; done`);
    assert.equal((await lab.rules())["worker-2"], "kube2iam");
    await lab.mustReach("cutover");
    await lab.mustReach("agent");
    return "put back by the check before the removal, so that the worker could be moved";
  },
});

fault("drift: refresh sees nothing to take over", {
  at: "cutover",
  run: async (lab) => {
    const stack = await lab.stack("cutover");
    await stack.refresh();
    const { steps } = await lab.mustReach("cutover");
    const touching = steps.filter((step) => /worker|agent|kube2iam/.test(step));
    assert.deepEqual(touching, []);
    return "pulumi refresh, then pulumi up: no worker was touched";
  },
});

fault("a rule of somebody else's in front of kiam's", {
  at: "agent",
  leaves: "cutover",
  run: async (lab) => {
    const spec = `PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination ${hostIp["worker-2"]}:9999`;
    // Behind kube2iam's, in front of kiam's: it would come next.
    await sh("worker-2", `iptables -t nat -I ${spec.replace("PREROUTING", "PREROUTING 3")}`);
    const listed = await sh("worker-2", "iptables -t nat -S PREROUTING");
    assert.ok(
      listed.indexOf(":8181") < listed.indexOf(":9999") &&
        listed.indexOf(":9999") < listed.indexOf(":8881"),
      listed,
    );
    const { failure } = await lab.move("cutover");
    await sh("worker-2", `iptables -t nat -D ${spec}`);
    assert.match(failure, /9999/);
    assert.deepEqual(await lab.rules(), {
      "worker-1": "kiam",
      "worker-2": "kube2iam before kiam",
    });
    await lab.mustReach("cutover");
    return "its worker was not touched, the rule named; worker by worker the others had moved";
  },
});

fault("a keep-alive client through the whole move, and kube2iam retired while it holds on", {
  at: "agent",
  leaves: "retire",
  // Clients that a fault before this has moved to kiam once would keep their connection to it.
  setUp: (lab) => restartPods(lab, orders),
  run: async (lab) => {
    await lab.mustReach("cutover");
    const { failure } = await lab.move("retire", {
      retirement: { waitSeconds: 3, then: "stop" },
    });
    assert.match(
      failure,
      /pod (orders|payments|reports|batch)\/\S+ on worker-\d holds \d+ established connection/,
    );
    assert.match(
      await kubectl(lab, "-n", "kube-system", "get", "daemonset", "kube2iam", "-o", "name"),
      /kube2iam/,
    );
    await lab.mustReach("retire");
    return "told to stop, retirement named every pod that held a connection and left kube2iam running; told to proceed, each reconnected once";
  },
});

fault("a keep-alive client that is idle most of the time, at retirement", {
  at: "agent",
  leaves: "retire",
  // It has its connection to kube2iam before anybody is moved.
  setUp: async (lab) => (await lab.cluster()).apply([idleClient]),
  run: async (lab) => {
    await lab.mustReach("cutover");
    const retirement = { closeIdleSeconds: 2, waitSeconds: 10, then: "proceed" as const };
    assert.equal((await lab.move("retire", { retirement })).failure, "");
    const stack = await lab.stack("retire", { retirement });
    const { resources = [] } = (await stack.exportStack()).deployment as {
      resources?: { urn: string; outputs?: { stdout?: string } }[];
    };
    const drain = resources.find(({ urn }) => urn.endsWith("::worker-1-retirement-drain"));
    const { closed } = parseNodeReport(drain?.outputs?.stdout ?? "");
    const idle = closed.filter(({ idleSeconds }) => idleSeconds >= retirement.closeIdleSeconds);
    assert.equal(idle.length, 1, "of all clients, the one that was idle");
    await kubectl(lab, "-n", "orders", "delete", "pod", "idle-client");
    await lab.mustReach("retire");
    return `its connection to kube2iam was closed after ${idle[0]?.idleSeconds} s of silence; it noticed before its next request, and lost none`;
  },
});

/** Asks every five seconds on a connection that it keeps. */
const idleClient = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    namespace: "orders",
    name: "idle-client",
    annotations: { "iam.amazonaws.com/role": "app-orders" },
  },
  spec: {
    nodeName: "worker-1",
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: "keepalive",
        image: IMAGE_TAGS.client,
        command: ["/client"],
        args: [
          "--mode=keepalive",
          "--interval=5s",
          "--expect-role=app-orders",
          "--record=/records/orders_idle-client_keepalive.jsonl",
          `--sts=${AWS_ENDPOINT}`,
        ],
        env: [
          { name: "POD_NAME", value: "idle-client" },
          { name: "POD_NAMESPACE", value: "orders" },
          { name: "NODE_NAME", value: "worker-1" },
        ],
        volumeMounts: [{ name: "records", mountPath: "/records" }],
      },
    ],
    volumes: [{ name: "records", hostPath: { path: RECORDS_ON_NODE } }],
  },
};
