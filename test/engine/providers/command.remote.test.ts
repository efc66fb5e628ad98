/**
 * The stand-in for remote.Command under the real engine, over a real sshd.
 *
 * Does not prove that the official plugin behaves the same: what is asserted here was read from its
 * source, version 1.2.1, and seen with the official binary.
 */
import { strict as assert } from "node:assert";
import { existsSync } from "node:fs";
import { readFile, unlink } from "node:fs/promises";
import path from "node:path";

import { remote, type types } from "@pulumi/command";

import { createStack, requireEngine, type TestStack } from "../engine.js";
import { sshdUnavailable, startSshd, type Sshd } from "../sshd.js";
import { skipBecause } from "../../support/requirements.js";
import { limit } from "../limit.js";

type Args = Partial<remote.CommandArgs>;

describe("stand-in: command, remote", function () {
  this.timeout(limit);
  let target: Sshd;
  let bastion: Sshd;
  let test: TestStack;

  const log = () => path.join(test.directory, "log");
  const lines = async () => (await readFile(log(), "utf8")).trimEnd().split("\n");
  const to = ({ host, port, user, privateKey, hostKey }: Sshd) => {
    return { host, port, user, privateKey, hostKey, dialErrorLimit: 0 };
  };
  const connection = (overrides: Partial<types.input.remote.ConnectionArgs> = {}) => {
    return { ...to(target), ...overrides };
  };
  const declare = (commands: Record<string, Args>) => {
    test.program(() => {
      for (const [name, args] of Object.entries(commands)) {
        new remote.Command(name, { connection: connection(), ...args });
      }
      return Promise.resolve();
    });
  };
  const outputs = async (name: string) => (await test.resources())[name]?.outputs ?? {};
  /** Runs one update and returns what it printed, failed or not. */
  const up = async () => {
    const printed: string[] = [];
    const failed = await test.stack
      .up({ onOutput: (text) => printed.push(text) })
      .then(() => false)
      .catch(() => true);
    return { failed, output: printed.join("") };
  };

  before(async function () {
    const engine = requireEngine(this);
    const reason = sshdUnavailable();
    if (reason !== undefined) return skipBecause(this, reason);
    [target, bastion, test] = await Promise.all([
      startSshd({ acceptEnv: "ALLOWED_*" }),
      startSshd(),
      createStack(engine),
    ]);
  });
  after(async () => {
    await Promise.all([target?.stop(), bastion?.stop()]);
    await test?.dispose();
  });

  it("does not even connect in a preview", async () => {
    declare({ c: { connection: connection({ host: "192.0.2.1", port: 9 }), create: "true" } });
    assert.equal((await test.stack.preview()).changeSummary.create, 2);
  });

  it("runs with stdin, a pinned host key, through a bastion, and with accepted variables", async () => {
    declare({
      direct: { create: `cat > ${log()}; echo done`, stdin: "hello\n" },
      unpinned: { connection: connection({ hostKey: undefined }), create: "echo unpinned" },
      proxied: { connection: connection({ proxy: to(bastion) }), create: "echo proxied" },
      env: { create: "echo $ALLOWED_WORD", environment: { ALLOWED_WORD: "yes" } },
      quiet: { create: "echo never-shown", logging: "none" },
    });
    const { failed, output } = await up();
    assert.ok(!failed, output);
    assert.doesNotMatch(output, /never-shown/);
    assert.deepEqual(await lines(), ["hello"]);
    assert.equal((await outputs("direct")).stdout, "done");
    assert.equal((await outputs("unpinned")).stdout, "unpinned");
    assert.equal((await outputs("proxied")).stdout, "proxied");
    assert.equal((await outputs("env")).stdout, "yes");
    const state = await readFile(
      path.join(test.directory, ".pulumi/stacks/test/unit.json"),
      "utf8",
    );
    assert.ok(!state.includes("OPENSSH PRIVATE KEY"), "the state shows the key");
    assert.deepEqual((await test.stack.preview()).changeSummary, { same: 6 });
  });

  it("refuses wrong host keys, of the host and of the bastion, wrong keys and variables", async () => {
    const wrongProxy = { ...to(bastion), hostKey: target.hostKey };
    const create = `touch ${log()}.ran`;
    declare({
      host: { create, connection: connection({ hostKey: bastion.hostKey }) },
      proxy: { create, connection: connection({ proxy: wrongProxy }) },
      key: { create, connection: connection({ privateKey: bastion.privateKey }) },
      port: { create, connection: connection({ port: 1, dialErrorLimit: 1 }) },
      env: { create, environment: { FORBIDDEN: "x" } },
      status: { create: "echo seen; echo why >&2; exit 3" },
    });
    await assert.rejects(test.stack.up({ continueOnError: true }), (error: Error) => {
      const said = error.message;
      assert.match(said, /after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch/);
      assert.match(said, /proxy: after 0 failed attempts: ssh: handshake failed: .*key mismatch/);
      assert.match(
        said,
        /after 0 failed attempts: ssh: All configured authentication methods failed/,
      );
      assert.match(said, /after 1 failed attempts: ssh: connect ECONNREFUSED/);
      assert.match(said, /could not set environment variable "FORBIDDEN"/);
      assert.match(
        said,
        /Process exited with status 3: running "echo seen; echo why >&2; exit 3":/,
      );
      assert.match(said, /seen\n\s*why/);
      return true;
    });
    assert.ok(!existsSync(`${log()}.ran`), "a command ran that must not");
  });

  it("reruns on changed input, replaces on triggers, and deletes without the refused variable", async () => {
    const del = `echo "delete [$PULUMI_COMMAND_STDOUT]" >> ${log()}`;
    await unlink(log()).catch(() => undefined);
    declare({ c: { create: `echo create >> ${log()}; echo first`, delete: del, triggers: [1] } });
    await test.stack.up();
    declare({ c: { create: `echo again >> ${log()}`, delete: del, triggers: [1] } });
    assert.equal((await test.stack.up()).summary.resourceChanges?.update, 1);
    declare({ c: { create: `echo new >> ${log()}; echo word`, delete: del, triggers: [2] } });
    assert.equal((await test.stack.up()).summary.resourceChanges?.replace, 1);
    declare({});
    const { output, failed } = await up();
    assert.ok(!failed, output);
    assert.match(output, /Unable to set 'PULUMI_COMMAND_STDOUT'/);
    assert.deepEqual(await lines(), ["create", "again", "new", "delete []", "delete []"]);
  });
});
