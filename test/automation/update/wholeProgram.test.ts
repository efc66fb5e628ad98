import assert from "node:assert/strict";

import type { PulumiFn, Stack } from "@pulumi/pulumi/automation";

import { withWholeProgram } from "../../../automation/update/wholeProgram.js";

/* Pure: engines of every behaviour; that the real one runs the program it is given, test/engine proves. */

describe("a stack's program, run by the engine", () => {
  const stack = (program?: PulumiFn) => ({ workspace: { program } }) as Pick<Stack, "workspace">;
  const deaf = async (program?: PulumiFn) => {
    await program?.().catch(() => undefined);
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
    await assert.rejects(withWholeProgram(stack(blocked), idle), /did not run the program/);
  });

  it("has to come to its end", async () => {
    const hasty = (program?: PulumiFn) => (void program?.(), Promise.resolve("succeeded"));
    const slow = () => new Promise<void>(() => undefined);
    await assert.rejects(withWholeProgram(stack(slow), hasty), /did not run to its end/);
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
