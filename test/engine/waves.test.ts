import assert from "node:assert/strict";

import { inWaves } from "../../components/cutover/inWaves.js";
import { createStack, requireEngine, type TestStack } from "./engine.js";
import { limit } from "./limit.js";
import { ScriptedCutovers } from "./scriptedCutovers.js";

/*
 * Waves on the real engine, with gates that are scripts: worker-1, then worker-2 to worker-4 at the
 * same time, then worker-5. What gates do on a worker is left to other tests.
 */

/** As versions before WaveEnd declared them: each worker lists the whole wave before. */
const inPairs: typeof inWaves = (waves, first, _parent, declare) => {
  let before = first;
  for (const { workers } of waves) {
    const after = before;
    before = workers.map((worker) => declare(worker, after));
  }
  return before;
};

/** Under the same names, the last wave's workers first. */
const theOtherWayRound: typeof inWaves = (waves, ...others) => {
  const workers = waves.map((wave) => wave.workers).reverse();
  return inWaves(
    waves.map((wave, index) => ({ ...wave, workers: workers[index] ?? [] })),
    ...others,
  );
};

describe("waves on the real engine", function () {
  this.timeout(limit);
  let test: TestStack;
  let gates: ScriptedCutovers;

  before(async function () {
    test = await createStack(requireEngine(this));
    gates = await ScriptedCutovers.in(test.directory);
  });

  after(() => test?.dispose());

  /** What an update runs, in order, with each wave's workers sorted. */
  async function update(declareWaves = inWaves, back = false): Promise<string[]> {
    await gates.forgetLog();
    test.program(gates.program(undefined, back, declareWaves));
    await test.stack.up();
    return gates.log;
  }

  const goBack = () => update(inWaves, true);

  /** Nothing of a wave before all of the one before has ended, and something of each worker. */
  function assertWaves(steps: readonly string[], ...waves: string[][]): void {
    const workers = steps.map((step) => step.split(" ")[1] ?? "");
    assert.deepEqual([...new Set(workers)].sort(), waves.flat().sort(), steps.join(", "));
    const order = workers.map((worker) => waves.findIndex((wave) => wave.includes(worker)));
    assert.deepEqual(order, [...order].sort(), steps.join(", "));
  }

  const middle = ["worker-2", "worker-3", "worker-4"];

  it("moves one after the other, and goes back the other way", async () => {
    assertWaves(await update(), ["worker-1"], middle, ["worker-5"]);
    assertWaves(await goBack(), ["worker-5"], middle, ["worker-1"]);
  });

  it("runs nothing on the workers of a stack of an earlier version, whose way back is the same", async () => {
    await update(inPairs);
    assert.deepEqual(await update(), []);
    assertWaves(await goBack(), ["worker-5"], middle, ["worker-1"]);
  });

  it("runs nothing where workers change waves, and goes back as they are then", async () => {
    await update();
    assert.deepEqual(await update(theOtherWayRound), []);
    assertWaves(await goBack(), ["worker-1"], middle, ["worker-5"]);
  });

  it("keeps in the state of a worker the one resource that it comes after", async () => {
    await update();
    const resources = Object.entries(await test.resources());
    const dependencies = resources.flatMap(([name, each]) =>
      /-(cutover|end)$/.test(name)
        ? [`${name}: ${(each.dependencies ?? []).map((urn) => urn.split("::").at(-1)).join(" ")}`]
        : [],
    );
    assert.deepEqual(dependencies.sort(), [
      "canary-1-end: worker-1-cutover-live",
      "wave-1-end: worker-2-cutover-live worker-3-cutover-live worker-4-cutover-live",
      "wave-2-end: worker-5-cutover-live",
      "worker-1-cutover: ",
      "worker-2-cutover: canary-1-end",
      "worker-3-cutover: canary-1-end",
      "worker-4-cutover: canary-1-end",
      "worker-5-cutover: wave-1-end",
    ]);
  });
});
