import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { lookAtLastUpdate } from "../../../automation/recover/interruptedUpdate.js";
import { UpdateLockedError } from "../../../automation/recover/updateLock.js";
import type { ReadableStack } from "../../../automation/stack/readableStack.js";

/* A look, with a pulumi command that is told what to say. That an engine leaves such locks and states is for test/engine/interruptedUpdate. */

describe("a look at the last update", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "kiam-look-"));
  });

  afterEach(() => rm(directory, { recursive: true }));

  /** @param begin is done before the state cannot be read */
  function stackWhoseStateIsBeingWritten(begin: () => Promise<void>): ReadableStack {
    return {
      name: "staging",
      workspace: {
        workDir: directory,
        envVars: {},
        whoAmI: () => Promise.resolve({ url: `file://${directory}` }),
        projectSettings: () => Promise.resolve({ name: "kube2iam-to-kiam" }),
        pulumiCommand: {
          run: async () => {
            await begin();
            throw new Error("error: failed to load checkpoint: EOF");
          },
        },
      },
    } as unknown as ReadableStack;
  }

  it("meets an update that has begun since locks were looked for, and names it", async () => {
    const stack = stackWhoseStateIsBeingWritten(async () => {
      const locks = join(directory, ".pulumi/locks/organization/kube2iam-to-kiam/staging");
      await mkdir(locks, { recursive: true });
      const lock = { pid: 4242, username: "alice", hostname: "ci-7", timestamp: new Date() };
      await writeFile(join(locks, "1.json"), JSON.stringify(lock));
    });
    await assert.rejects(
      lookAtLastUpdate(stack),
      (error: Error) =>
        error instanceof UpdateLockedError && /alice on host ci-7/.test(error.message),
    );
  });

  it("says as it is that the state cannot be read where no update runs", async () => {
    const stack = stackWhoseStateIsBeingWritten(() => Promise.resolve());
    await assert.rejects(lookAtLastUpdate(stack), /^Error: error: failed to load checkpoint: EOF$/);
  });
});
