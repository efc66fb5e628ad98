import assert from "node:assert/strict";
import type { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";
import type { PulumiFn, Stack } from "@pulumi/pulumi/automation";

import { withWholeProgram } from "../../automation/wholeProgram.js";

/* Pure: engines of every behaviour; that the real one runs the program it is given, test/engine proves. */

describe("a stack's program, run by the engine", () => {
  const stack = (program?: PulumiFn) => ({ workspace: { program } }) as Pick<Stack, "workspace">;
  // As the SDK does for every run of a program.
  assert.equal(typeof pulumi.runtime, "object", "the SDK is loaded");
  const { asyncLocalStorage } = globalThis as unknown as {
    asyncLocalStorage: AsyncLocalStorage<unknown>;
  };
  const inContext = (program?: PulumiFn) => asyncLocalStorage.run({}, async () => program?.());
  const deaf = async (program?: PulumiFn) => {
    await inContext(program).catch(() => undefined);
    return "succeeded";
  };
  const blocked = () => Promise.reject(new Error("the audit stops it"));

  it("counts when it came to its end", async () => {
    assert.equal(
      await withWholeProgram(
        stack(() => Promise.resolve({})),
        deaf,
      ),
      "succeeded",
    );
  });

  it("has failed, whatever the engine says", async () => {
    await assert.rejects(withWholeProgram(stack(blocked), deaf), /the audit stops it/);
  });

  it("has to be run", async () => {
    const idle = () => Promise.resolve("succeeded");
    await assert.rejects(withWholeProgram(stack(blocked), idle), /it did not run the program/);
  });

  it("has to come to its end", async () => {
    const hasty = (program?: PulumiFn) => (void inContext(program), Promise.resolve("succeeded"));
    const slow = () => new Promise<void>(() => undefined);
    await assert.rejects(withWholeProgram(stack(slow), hasty), /did not run to its end/);
  });

  it("declares nothing without the context that leads to its engine", async () => {
    let declared = 0;
    const program = () => Promise.resolve(void declared++);
    const lost = async (run?: PulumiFn) => void (await asyncLocalStorage.exit(() => run?.()));
    await assert.rejects(withWholeProgram(stack(program), lost), /without the context/);
    assert.equal(declared, 0);
  });

  it("says why it declared nothing, in place of the engine's words, where that was its last run", async () => {
    const done = stack(() => Promise.resolve({}));
    const lost = (run?: PulumiFn) => asyncLocalStorage.exit(async () => run?.());
    const engine = (then: (run?: PulumiFn) => Promise<unknown>) => async (run?: PulumiFn) => {
      await lost(run).catch(() => undefined);
      await then(run).catch(() => undefined);
      throw new Error("engine's words");
    };
    await assert.rejects(withWholeProgram(done, engine(lost)), /without the context/);
    await assert.rejects(withWholeProgram(done, engine(inContext)), /engine's words/);
  });

  it("is run once more where it did not begin", async () => {
    let tries = 0;
    const second = (program?: PulumiFn) => (++tries === 1 ? Promise.resolve("") : deaf(program));
    assert.equal(
      await withWholeProgram(
        stack(() => Promise.resolve({})),
        second,
      ),
      "succeeded",
    );
    assert.equal(tries, 2);
  });

  it("is not run once more where it failed, or the engine did", async () => {
    for (const engine of [deaf, inContext, () => Promise.reject(new Error("engine killed"))]) {
      let tries = 0;
      const counted = (program?: PulumiFn) => (tries++, engine(program));
      await assert.rejects(withWholeProgram<unknown>(stack(blocked), counted));
      assert.equal(tries, 1);
    }
  });

  it("counts in its last run", async () => {
    const outcomes = [blocked, () => Promise.resolve({})];
    const twice = async (program?: PulumiFn) => (await deaf(program), deaf(program));
    assert.equal(
      await withWholeProgram(
        stack(() => outcomes.shift()!()),
        twice,
      ),
      "succeeded",
    );
  });

  it("leaves the engine's own failure as it is", async () => {
    const broken = () => Promise.reject(new Error("engine killed"));
    await assert.rejects(withWholeProgram(stack(blocked), broken), /engine killed/);
  });

  it("is the engine's affair where it runs in a process of its own", async () => {
    const given = await withWholeProgram(stack(), (program) => Promise.resolve(program));
    assert.equal(given, undefined);
  });
});
