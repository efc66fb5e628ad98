import assert from "node:assert/strict";

import fc from "fast-check";

import { stages } from "../../migration/stages.js";
import { inOrder, moveSeconds, stretchOf, type Scheduled } from "./faultSchedule.js";
import { parseShard, shardDirectory, shareOf, takeShard, wholeTier } from "./shard.js";

/* Pure: which tests a shard runs, and in which order. That they pass so is for their own tiers. */

const anyFaults = fc
  .array(fc.record({ at: fc.constantFrom(...stages), leaves: fc.constantFrom(...stages) }), {
    maxLength: 30,
  })
  .map((faults) => faults.map((fault, index): Scheduled => ({ ...fault, name: `${index}` })));

const anyCount = fc.integer({ min: 1, max: 5 });
const shards = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ index: index + 1, count }));

describe("a shard on the command line", () => {
  it("is taken out of it, in both forms", () => {
    const shard = { index: 2, count: 3 };
    assert.deepEqual(takeShard(["--shard", "2/3", "-g", "x"]), { shard, rest: ["-g", "x"] });
    assert.deepEqual(takeShard(["-g", "x", "--shard=2/3"]), { shard, rest: ["-g", "x"] });
    assert.deepEqual(takeShard(["-g", "x"]), { shard: wholeTier, rest: ["-g", "x"] });
  });

  it("that is none is refused, with what one looks like", () => {
    for (const text of ["", "0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"]) {
      assert.throws(() => parseShard(text), /such as --shard 1\/2/, text);
    }
    assert.throws(() => takeShard(["--shard"]), /such as/);
  });

  it("has a lab directory of its own; the whole tier has the lab's", () => {
    assert.equal(shardDirectory("/x", "faults", { index: 1, count: 2 }), "/x-faults-1of2");
    assert.equal(shardDirectory("/x", "faults", wholeTier), "/x-faults");
  });
});

describe("files shared among shards", () => {
  it("are in exactly one shard each, whatever they took", () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string()),
        fc.array(fc.option(fc.nat(), { nil: undefined })),
        anyCount,
        (items, seconds, count) => {
          const took = (item: string) => seconds[items.indexOf(item)];
          const all = shards(count).flatMap((shard) => shareOf(items, took, shard));
          assert.deepEqual(all.sort(), [...items].sort());
        },
      ),
    ));

  it("go by what they took", () => {
    const took = { long: 10, middle: 6, short: 3 };
    const share = (index: number) =>
      shareOf(Object.keys(took) as (keyof typeof took)[], (item) => took[item], {
        index,
        count: 2,
      });
    assert.deepEqual([share(1), share(2)], [["long"], ["middle", "short"]]);
  });
});

describe("faults in order", () => {
  it("are all there, once", () =>
    fc.assert(
      fc.property(anyFaults, fc.constantFrom(...stages), (faults, from) => {
        const names = (list: readonly Scheduled[]) => list.map(({ name }) => name).sort();
        assert.deepEqual(names(inOrder(faults, from)), names(faults));
      }),
    ));

  it("begin where another has left the cluster, and go a long way once for many", () => {
    const fault = (name: string, at: Scheduled["at"], leaves: Scheduled["leaves"]) => ({
      name,
      at,
      leaves,
    });
    const order = inOrder([
      fault("back", "retire", "prepare"),
      fault("in place", "cutover", "cutover"),
      fault("all the way", "agent", "retire"),
      fault("there and back", "agent", "agent"),
      fault("to the agents", "prepare", "agent"),
      fault("on", "agent", "cutover"),
    ]);
    assert.deepEqual(
      order.map(({ name }) => name),
      ["to the agents", "there and back", "on", "in place", "all the way", "back"],
    );
  });

  it("are shared in stretches, each fault in exactly one shard", () =>
    fc.assert(
      fc.property(
        anyFaults,
        fc.dictionary(fc.nat({ max: 30 }).map(String), fc.nat({ max: 100 })),
        anyCount,
        (faults, seconds, count) => {
          const all = shards(count).flatMap((shard) => stretchOf(faults, seconds, shard));
          assert.deepEqual(all, inOrder(faults));
        },
      ),
    ));

  it("are shared by what they took", () => {
    const faults = ["a", "b", "c", "d"].map((name): Scheduled => ({
      name,
      at: "agent",
      leaves: "agent",
    }));
    const took = { a: 30, b: 10, c: 10, d: 10 };
    const names = (index: number) =>
      stretchOf(faults, took, { index, count: 2 }).map((f) => f.name);
    assert.deepEqual([names(1), names(2)], [["a"], ["b", "c", "d"]]);
  });

  it("take moves in both directions into account", () => {
    assert.equal(moveSeconds("agent", "agent"), 0);
    assert.ok(moveSeconds("prepare", "retire") > moveSeconds("agent", "retire"));
    assert.ok(moveSeconds("retire", "prepare") > moveSeconds("server", "prepare"));
  });
});
