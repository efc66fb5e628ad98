import assert from "node:assert/strict";
import { hostname } from "node:os";

import { locksOfRefusal, UpdateLockedError } from "../../../automation/recover/updateLock.js";

/* The engine's own words, as seen; that it still uses them is proven in test/engine/interruptedUpdate. */

describe("the lock in an engine's refusal", () => {
  const line = (user: string, host: string) =>
    `  s3://state/.pulumi/locks/organization/p/s/1.json: created by ${user}@${host} (pid 4242) at 2026-01-02T03:04:05Z`;
  const refusal = (...lines: string[]) =>
    new Error(["error: the stack is currently locked by 1 lock(s).", ...lines].join("\n"));

  it("is read once, however often the message repeats it", async () => {
    const both = line("alice", "ci-7");
    assert.deepEqual(await locksOfRefusal(refusal(both, both)), [
      {
        user: "alice",
        host: "ci-7",
        pid: 4242,
        since: new Date("2026-01-02T03:04:05Z"),
        owner: "elsewhere",
      },
    ]);
  });

  it("keeps a user name with an @", async () => {
    const [lock] = await locksOfRefusal(refusal(line("alice@corp.example", hostname())));
    assert.equal(lock?.user, "alice@corp.example");
    assert.equal(lock?.host, hostname());
  });

  it("names who holds it since when, and what to do", async () => {
    const locks = await locksOfRefusal(refusal(line("alice", "ci-7")));
    const { message } = new UpdateLockedError("staging", { locks });
    for (const word of [
      "staging",
      "alice",
      "ci-7",
      "4242",
      "2026-01-02T03:04:05",
      "Nothing was touched",
      "Ask alice",
    ]) {
      assert.ok(message.includes(word), `${word} in:\n${message}`);
    }
  });

  it("names no owner where the backend does not, and still says what to do", async () => {
    const text = "[409] Conflict: Another update is currently in progress.";
    const locks = await locksOfRefusal(new Error(text));
    assert.deepEqual(locks, []);
    assert.match(new UpdateLockedError("staging", { locks }).message, /wait for the one/);
  });
});
