import assert from "node:assert/strict";

import fc from "fast-check";

import { shortcomings, type NodeAccount } from "../../../lab/soak/accounts.js";
import { Answers, around, judge, type Disturbance } from "../../../lab/soak/answers.js";
import { kinds, schedule, type SoakEvent } from "../../../lab/soak/schedule.js";
import type { RequestRecord } from "../../../lab/workload/records.js";

function first(count: number, seed: number): SoakEvent[] {
  const events = schedule(seed);
  return Array.from({ length: count }, () => events.next().value);
}

describe("the soak's schedule", () => {
  it("is the same for the same seed, and another for another", () => {
    assert.deepEqual(first(300, 7), first(300, 7));
    assert.notDeepEqual(first(20, 7), first(20, 8));
  });

  it("has every kind among its first events", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), (seed) => {
        const seen = new Set(first(kinds.length, seed).map(({ kind }) => kind));
        assert.deepEqual([...seen].sort(), [...kinds].sort());
      }),
    );
  });

  it("names workers that are there, joins ones that are not, and never takes the canary away", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), (seed) => {
        const there = new Set(["worker-1", "worker-2", "worker-3"]);
        for (const { kind, node } of first(200, seed)) {
          if (kind === "join") {
            assert.ok(!there.has(node), `${node} joins once`);
            there.add(node);
          } else if (node !== "") {
            assert.ok(there.has(node), `${kind} of ${node}, which is there`);
          }
          if (kind === "leave") there.delete(node);
          if (kind === "leave" || kind === "replace") assert.notEqual(node, "worker-1");
          // The lab gives the lowest free index to whoever joins.
          if (kind === "join" || kind === "replace") {
            for (let index = 1; `worker-${index}` !== node; index++) {
              assert.ok(there.has(`worker-${index}`), `${node} is the lowest free`);
            }
          }
          assert.ok(there.size >= 2 && there.size <= 4, [...there].join());
        }
      }),
    );
  });
});

const start = Date.parse("2026-01-01T00:00:00Z");

function record(at: number, changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    time: new Date(start + at).toISOString(),
    pod: "orders-app-1",
    namespace: "orders",
    node: "worker-1",
    mode: "fresh",
    durationMs: 10,
    expected: "app-orders",
    kind: "ok",
    ...changes,
  };
}

function counted(...records: RequestRecord[]): Answers {
  const answers = new Answers();
  for (const each of records) answers.add(each);
  return answers;
}

const reboot: Disturbance = {
  number: 1,
  kind: "reboot",
  what: "worker-1 reboots",
  from: start + 10_000,
  to: start + 20_000,
  mayFail: { why: "the node boots", nodes: ["worker-1"] },
};

describe("what a soak was answered", () => {
  it("counts what counts: neither a client's start nor its end", () => {
    const answers = counted(
      record(0, { kind: "warmup" }),
      record(100),
      record(200, { kind: "failed" }),
      record(300, { kind: "wrong" }),
      record(400, { kind: "stopping" }),
      record(500, { kind: "end" }),
    );
    assert.equal(answers.requests, 3);
    assert.equal(answers.failed.length, 1);
    assert.equal(answers.wrong.length, 1);
  });

  it("explains a failure only on the event's nodes and while it lasts", () => {
    const failed = (at: number, node = "worker-1") => record(at, { kind: "failed", node });
    const inside = failed(15_000);
    const others = [failed(15_000, "worker-2"), failed(9_000), failed(22_000)];
    const { explained, unexplained } = judge(counted(inside, ...others), [reboot]);
    assert.deepEqual([...explained], [["the node boots", 1]]);
    assert.deepEqual(unexplained, others);
  });

  it("explains nothing by an event that takes no path away", () => {
    const harmless = { ...reboot, mayFail: undefined };
    const { unexplained } = judge(counted(record(15_000, { kind: "failed" })), [harmless]);
    assert.equal(unexplained.length, 1);
  });

  it("explains nothing once the path is back, though the event goes on", () => {
    const until = start + 12_000;
    const back = { ...reboot, mayFail: { why: "it left", nodes: ["worker-1"], until } };
    const { unexplained } = judge(counted(record(15_000, { kind: "failed" })), [back]);
    assert.equal(unexplained.length, 1);
  });

  it("says the longest gap by its cause, and counts none where a client had ended", () => {
    const answers = counted(
      record(9_000),
      record(19_990),
      record(25_000),
      record(35_000),
      record(35_100, { kind: "end" }),
      record(90_000),
    );
    const { gaps } = judge(answers, [reboot]);
    assert.deepEqual(
      [...gaps],
      [
        ["reboot", 10_990],
        ["none of them", 10_000],
      ],
    );
  });

  it("names the events around a request", () => {
    assert.match(around(record(25_000), [reboot])[0] ?? "", /event 1: worker-1 reboots/);
    assert.deepEqual(around(record(60_000), [reboot]), []);
  });
});

const well: NodeAccount = {
  name: "worker-1",
  known: "both",
  master: false,
  ready: true,
  tainted: false,
  answers: "kiam",
  rules: "kiam",
  silent: [],
};

describe("the soak's account of a node", () => {
  it("has nothing to say of one that is as the stage wants", () => {
    assert.deepEqual(shortcomings("cutover", well), []);
    const before = { ...well, answers: "kube2iam", rules: "kube2iam" } as const;
    assert.deepEqual(shortcomings("prepare", before), []);
  });

  for (const [what, change] of Object.entries({
    "is known to one side only": { known: "only the API" },
    "is not Ready": { ready: false },
    "still has the taint": { tainted: true },
    "answers as another": { answers: "kube2iam" },
    "has another's rule in front": { rules: "kube2iam before kiam", answers: "kube2iam" },
    "has no rule": { rules: "", answers: "nobody" },
    "has a client that is not served": { silent: ["orders/orders-app-1 (fresh)"] },
  } satisfies Record<string, Partial<NodeAccount>>)) {
    it(`fails one that ${what}`, () => {
      assert.notDeepEqual(shortcomings("cutover", { ...well, ...change }), []);
    });
  }
});
