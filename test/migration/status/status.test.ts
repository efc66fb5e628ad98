import assert from "node:assert/strict";

import { kube2iamClients } from "../../../migration/rules/nodeReport.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import type { Plan } from "../../../migration/plan/plan.js";
import {
  hasNothingToMove,
  isDone,
  statusOf,
  type Status,
} from "../../../migration/status/status.js";
import type { StateResource } from "../../../migration/status/stackState.js";
import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import {
  exampleFacts,
  exampleNode,
  examplePod,
  exampleSituation,
} from "../../support/exampleCluster.js";
import { gateInState, inState } from "../../support/stateResource.js";

/* Pure: what follows from facts, plan and state. How they are read is for test/engine. */

const { record, server, anchor, account, live } = inState;
const workers = ["worker-1", "worker-2", "worker-3"];

interface Change {
  stage?: Plan["stage"];
  facts?: Partial<ClusterFacts>;
  resources?: StateResource[] | undefined;
  update?: Status["update"];
  asked?: Parameters<typeof statusOf>[2]["asked"];
}

function status(change: Change = {}): Status {
  const { stage = "prepare", facts = {}, update = { at: "rest" }, asked = {} } = change;
  const situation = exampleSituation({ stage }, facts);
  return statusOf(situation, makePlan(situation), {
    stack: "staging",
    update,
    blocking: [],
    resources: "resources" in change ? change.resources : [record],
    rollouts: { servers: undefined, agents: undefined },
    asked,
  });
}

const of = (name: string, change: Change = {}) => {
  const found = status(change).workers.find((worker) => worker.name === name);
  assert.ok(found !== undefined, name);
  return found;
};

const cutoverAnnotation = (bootId: string) =>
  JSON.stringify({ generation: "0123456789ab", bootId, kube2iamPod: "p", proven: true });

describe("who answers on a worker", () => {
  const kiam = { inForce: "kiam", kube2iam: 0, kiamHealthy: true } as const;

  it("is told by pods, by rules where they were read, and best by who asked", () => {
    assert.deepEqual(of("worker-1").answering, { who: "kube2iam", by: "pods", seen: undefined });
    const facts = { agents: ["worker-1"], rules: { "worker-1": kiam } };
    assert.deepEqual(of("worker-1", { facts }).answering, {
      who: "kiam",
      by: "rules",
      seen: undefined,
    });
    const asked = { "worker-1": { who: "kube2iam", answers: "kube2iam answers" } } as const;
    assert.deepEqual(of("worker-1", { facts, asked }).answering, {
      who: "kube2iam",
      by: "asked",
      seen: "kube2iam answers",
    });
  });

  it("is not guessed where rules could not be read, or nothing runs there", () => {
    const rules = { "worker-1": { unread: "no exec", forbidden: true } };
    const unread = of("worker-1", { facts: { agents: ["worker-1"], rules } });
    assert.equal(unread.answering.who, "unclear");
    assert.match(unread.answering.seen ?? "", /no exec/);
    const kube2iam = exampleFacts().kube2iam;
    assert.ok(kube2iam !== undefined);
    const without = of("worker-1", { facts: { kube2iam: { ...kube2iam, pods: {} } } });
    assert.equal(without.answering.who, "nobody");
  });

  it("names the pods that hold connections to kube2iam", () => {
    const rules = { "worker-1": { ...kiam, kube2iamClients: { "10.1.0.5": 2, "10.1.0.9": 1 } } };
    const pods = [examplePod("orders", "orders-1", { ip: "10.1.0.5", role: "app-orders" })];
    assert.deepEqual(
      of("worker-1", { facts: { agents: ["worker-1"], rules, pods } }).kube2iamClients,
      [
        { client: "10.1.0.9", connections: 1 },
        { client: "orders/orders-1", connections: 2 },
      ],
    );
  });

  it("counts no connection of the worker's own", () => {
    const address = (of: string) => ({ address: of, port: 1 });
    const kube2iamConnections = ["10.0.0.11", "127.0.0.1", "10.1.0.5", "10.1.0.5"].map(address);
    assert.deepEqual([...kube2iamClients({ kube2iamConnections }, "10.0.0.11")], [["10.1.0.5", 2]]);
  });
});

describe("the proof of a worker", () => {
  const node = (bootId: string) =>
    exampleNode("worker-1", "10.0.0.11", { bootId, cutoverAnnotation: cutoverAnnotation("boot") });
  const proof = (bootId: string) => {
    const nodes = [...exampleFacts().nodes.filter(({ name }) => name !== "worker-1"), node(bootId)];
    const { proven, provenAt } = of("worker-1", {
      stage: "cutover",
      facts: { nodes },
      resources: [live("worker-1")],
    });
    return [proven, provenAt];
  };

  it("is as old as the state says, and is none after a reboot", () => {
    assert.deepEqual(proof("boot"), [true, "2026-01-02T03:04:05Z"]);
    assert.deepEqual(proof("another"), [false, undefined]);
  });
});

describe("where a stack stands", () => {
  const agentStage = [
    record,
    server,
    ...workers.map(anchor),
    ...workers.map((name) => gateInState(`${name}-shadow`, ["WorkerAgent"])),
    account([]),
  ];

  it("is done where the settings' stage is whole, and says how to go on", () => {
    const whole = status({ stage: "agent", resources: agentStage });
    assert.equal(isDone(whole), true);
    assert.deepEqual(whole.next, [
      "kiam-migrate audit --stack staging --stage cutover",
      "kiam-migrate migrate --stack staging --to cutover",
    ]);
  });

  it("is not done where a node was not seen, and names it", () => {
    const without = agentStage.filter(({ name }) => name !== "worker-3-anchor");
    const unseen = status({ stage: "agent", resources: without });
    assert.deepEqual(unseen.unseen, ["worker-3"]);
    assert.equal(isDone(unseen), false);
    assert.deepEqual(unseen.next[0], "kiam-migrate migrate --stack staging --to agent");
  });

  it("has not reached the cutover where no worker has to move, and says to look why", () => {
    const nodes = exampleFacts().nodes.filter(({ name }) => !workers.includes(name));
    const kube2iam = { ...exampleFacts().kube2iam, pods: {} } as ClusterFacts["kube2iam"];
    const resources = [record, server, account([])];
    const none = status({ stage: "cutover", facts: { nodes, kube2iam, agents: [] }, resources });
    assert.deepEqual([none.stage.reached, isDone(none)], ["agent", false]);
    assert.equal(hasNothingToMove(none), true);
    assert.deepEqual(none.next, ["kiam-migrate audit --stack staging --stage cutover"]);
    const waits = status({ stage: "cutover", resources: agentStage });
    assert.equal(hasNothingToMove(waits), false);
  });

  it("leads back where more is there than the settings ask for", () => {
    const back = status({ stage: "server", resources: agentStage });
    assert.deepEqual(back.next[0], "kiam-migrate rollback --stack staging --to server");
  });

  it("is not known where the state cannot be read, or an update is not over", () => {
    const unread = status({ resources: undefined, update: { at: "cut-short", said: "…" } });
    assert.equal(unread.stateRead, false);
    assert.equal(unread.workers[0]?.left, undefined);
    assert.deepEqual(unread.next, ["kiam-migrate recover --stack staging"]);
    const running = status({ update: { at: "running", said: "…" } });
    assert.equal(isDone(running), false);
    assert.deepEqual(running.next, ["kiam-migrate status --stack staging --watch"]);
  });

  it("tells the days that certificates have left, or why it cannot", () => {
    const certificates = [
      { secret: "a", notBefore: "2023-01-01T00:00:00Z", notAfter: "2024-01-11T12:00:00Z" },
      { secret: "b", invalid: "it has no tls.crt" },
    ];
    assert.deepEqual(status({ facts: { certificates } }).certificates, [
      { secret: "a", days: 10 },
      { secret: "b", problem: "it has no tls.crt" },
    ]);
  });
});
