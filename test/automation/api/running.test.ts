import assert from "node:assert/strict";

import {
  eventProgress,
  running,
  type Emit,
  type MigrationEvent,
} from "../../../automation/api/running.js";

/* Events and the promise that they belong to, with made-up work. */

const note = (event: MigrationEvent) => (event.type === "note" ? event.text : event.type);

async function notesOf(events: AsyncIterable<MigrationEvent>): Promise<string[]> {
  const notes: string[] = [];
  for await (const event of events) notes.push(note(event));
  return notes;
}

function tellsThree(emit: Emit) {
  emit({ type: "note", text: "first" });
  return new Promise<number>((resolve) =>
    setImmediate(() => {
      emit({ type: "note", text: "second" });
      setImmediate(() => {
        emit({ type: "note", text: "third" });
        resolve(7);
      });
    }),
  );
}

describe("something that runs", () => {
  it("tells what happens from its beginning, as often as it is asked, and has a result", async () => {
    const run = running(tellsThree);
    const all = ["first", "second", "third"];
    assert.deepEqual(await Promise.all([notesOf(run), notesOf(run)]), [all, all]);
    assert.equal(await run, 7);
    assert.deepEqual(await notesOf(run), all, "also once it has ended");
  });

  it("says when each thing happened", async () => {
    for await (const { time } of running(tellsThree)) {
      assert.ok(Math.abs(Date.now() - Date.parse(time)) < 10_000, time);
    }
  });

  it("fails by its promise, and in the loop after the last event, once", async () => {
    const failing = () =>
      running((emit) => {
        emit({ type: "note", text: "so far" });
        return Promise.reject<number>(new Error("out of reach"));
      });
    await assert.rejects(failing(), /out of reach/);
    const seen: string[] = [];
    await assert.rejects(async () => {
      for await (const event of failing()) seen.push(note(event));
    }, /out of reach/);
    assert.deepEqual(seen, ["so far"]);
  });

  it("goes on where the loop is left early", async () => {
    const run = running(tellsThree);
    for await (const event of run) {
      assert.equal(note(event), "first");
      break;
    }
    assert.equal(await run, 7);
  });
});

describe("progress as events", () => {
  function recorded(mayGoOn = () => {}) {
    const told: string[] = [];
    const progress = eventProgress((event) => {
      assert.equal(event.type, "step");
      if (event.type === "step") told.push(`${event.what}: ${event.state} ${event.detail ?? ""}`);
    }, mayGoOn);
    return { progress, told };
  }

  it("tells how each piece of work begins, gets on and ends", async () => {
    const { progress, told } = recorded();
    await progress.run("look", (step) => Promise.resolve(step.update("1 of 2")));
    const failing = progress.run("reach", () => Promise.reject(new Error("refused")));
    await assert.rejects(failing, /refused/);
    assert.deepEqual(told, [
      "look: begun ",
      "look: underway 1 of 2",
      "look: done ",
      "reach: begun ",
      "reach: failed refused",
    ]);
  });

  it("begins nothing that may not go on", async () => {
    const { progress, told } = recorded(() => assert.fail("stopped"));
    await assert.rejects(
      progress.run("look", () => Promise.resolve()),
      /stopped/,
    );
    assert.deepEqual(told, []);
  });
});
