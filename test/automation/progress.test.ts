import assert from "node:assert/strict";
import { createProgress, formatElapsed } from "../../automation/progress.js";
import { ContactError } from "../../migration/contact/contact.js";

/** A stream that is no terminal and keeps what is written. */
function plainStream(): { stream: NodeJS.WriteStream; lines: () => string[] } {
  let text = "";
  const stream = { isTTY: false, write: (more: string) => (text += more) };
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    lines: () => text.split("\n").filter((line) => line !== ""),
  };
}

describe("progress without a terminal", () => {
  it("mentions short work once, when it ends", async () => {
    const { stream, lines } = plainStream();
    const result = await createProgress(stream).run("Building x", (step) => {
      step.update("half");
      return Promise.resolve(7);
    });
    assert.equal(result, 7);
    assert.equal(lines().length, 1);
    assert.match(lines()[0] ?? "", /^Building x: done after 0\.\d s$/);
  });

  it("says that work failed and why, and passes the error on", async () => {
    const { stream, lines } = plainStream();
    const failing = createProgress(stream).run("Building x", () =>
      Promise.reject(new Error("disk full\nand more")),
    );
    await assert.rejects(failing, /disk full/);
    assert.match(lines()[0] ?? "", /^Building x: FAILED after 0\.\d s \(disk full\)$/);
  });

  it("leaves it to the caller to say what the operator has to do, once", async () => {
    const { stream, lines } = plainStream();
    const contact = { code: "x-missing", what: "There is no x", where: "w", why: "y", fix: "f" };
    const failing = createProgress(stream).run("reading x", () =>
      Promise.reject(new ContactError(contact)),
    );
    await assert.rejects(failing, ContactError);
    assert.match(lines().join("|"), /^reading x: FAILED after 0\.\d s$/);
  });

  it("does not call it a failure where work was asked to stop", () => {
    const { stream, lines } = plainStream();
    createProgress(stream).step("stage x").stop("2 of 3 workers");
    assert.match(lines().join("|"), /^stage x: stopped after 0\.\d s \(2 of 3 workers\)$/);
  });

  it("ends a step once", () => {
    const { stream, lines } = plainStream();
    const step = createProgress(stream).step("x");
    step.done("v1");
    step.fail("too late");
    assert.match(lines().join("|"), /^x: done after 0\.\d s \(v1\)$/);
  });

  it("writes durations for people", () => {
    assert.deepEqual([420, 9_949, 42_000, 245_000].map(formatElapsed), [
      "0.4 s",
      "9.9 s",
      "42 s",
      "4 min 05 s",
    ]);
  });
});
