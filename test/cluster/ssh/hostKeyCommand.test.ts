/** The gate that asks the operator's program for a host key, with real programs. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import fc from "fast-check";

import { askHostKey } from "../../../cluster/ssh/hostKeyCommand.js";
import { GateError } from "../../../migration/text/problem.js";
import { hostileText, unshowableIn } from "../../support/hostile.js";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5Zt5KqPq5bH5VJ3J6qk0V2yEr0a5X0aYk9h2l1vN0B";
const node = {
  name: "worker-1",
  providerId: "aws:///eu-west-1a/i-0123456789abcdef0",
  address: "10.0.0.11",
};

describe("ssh.hostKeyCommand", function () {
  this.timeout(20_000);
  const directory = mkdtempSync(join(tmpdir(), "host-key-"));
  const program = join(directory, "host-key");
  after(() => rmSync(directory, { recursive: true }));

  function write(...lines: string[]): void {
    writeFileSync(program, ["#!/bin/sh", ...lines, ""].join("\n"));
    chmodSync(program, 0o755);
  }

  const ask = (command = [program], seconds?: number) => askHostKey(command, node, seconds);

  async function refusal(seconds?: number): Promise<string> {
    try {
      const told = await ask([program], seconds);
      return assert.fail(`it was taken: ${told}`);
    } catch (error) {
      assert.ok(error instanceof GateError, String(error));
      assert.match(error.message, /^the SSH host key of worker-1 is not known\n/);
      assert.match(error.message, /node worker-1 \(aws:\/\/\/eu-west-1a\/i-0\w+, 10\.0\.0\.11\)/);
      assert.match(
        error.message,
        /why it matters: .*root commands .*\n.*what to do: run it by hand/,
      );
      return error.message;
    }
  }

  it("is told the node, keeps the operator's environment, and has nothing to read", async () => {
    write(
      `printf '%s|' "$#" "$1" "$2" "$NODE_NAME" "$PROVIDER_ID" "$ADDRESS" "$(cat)" "$OPERATORS" >${directory}/told`,
      `echo '${key}'`,
    );
    process.env.OPERATORS = "own";
    try {
      assert.equal(await ask([program, "$(id) *", "a\nb"]), key);
    } finally {
      delete process.env.OPERATORS;
    }
    const { stdout } = await execa("cat", [join(directory, "told")]);
    assert.equal(
      stdout,
      `2|$(id) *|a\nb|worker-1|${node.providerId}|10.0.0.11||own|`,
      "no shell has seen its words",
    );
    write(`[ -z "$PROVIDER_ID" ] && [ -n "\${PROVIDER_ID+set}" ] && echo '${key}'`);
    assert.equal(await askHostKey([program], { ...node, providerId: undefined }), key);
  });

  it("may print one key of the form that ssh.hostKeys takes; its comment is dropped", async () => {
    for (const printed of [`${key} root@host`, `\\n${key}\\r\\n\\n`, `  ${key}  `]) {
      write(`printf '${printed}'; echo 'as I go' >&2`);
      assert.equal(await ask(), key, printed);
    }
  });

  it("is not believed when it prints anything else", async () => {
    const cases: [string, RegExp][] = [
      ["true", /printed no key/],
      [`echo '${key}'; echo '${key}'`, /printed 2 lines instead of one key/],
      ["echo None", /printed "None", which is no public host key/],
      [`echo 'host ${key}'`, /which is no public host key/],
      [`echo '${key.replace(" ", "\\t")}'`, /which is no public host key/],
      ["echo 'ssh-ed25519 AAAA; reboot'", /which is no public host key/],
      ["echo 'ssh-dss AAAA'", /which is no public host key/],
      [`printf '\\033[2J\\0\\377'`, /which is no public host key/],
    ];
    for (const [does, says] of cases) {
      write(does);
      const message = await refusal();
      assert.match(message, says, does);
      assert.deepEqual(unshowableIn(message), []);
    }
  });

  it("is not believed when it fails, whatever it has printed, and is quoted", async () => {
    write(`echo '${key}'`, "echo 'no credentials for EC2' >&2", "exit 3");
    assert.match(await refusal(), /ended with status 3; it said: no credentials for EC2/);
    write(`echo '${key}'`, "kill -TERM $$");
    assert.match(await refusal(), /ended by SIGTERM/);
    rmSync(program);
    assert.match(await refusal(), /could not be started \(.*ENOENT/);
    writeFileSync(program, "", { mode: 0o644 });
    assert.match(await refusal(), /could not be started \(.*EACCES/);
  });

  it("has limited time, also where something that it started lives on", async () => {
    const began = Date.now();
    for (const hangs of ["exec sleep 9", "sleep 9; true", `echo '${key}'; sleep 9 & wait`]) {
      write(hangs);
      assert.match(await refusal(0.5), /did not end within 0\.5 s/, hangs);
    }
    // It has ended, and well.
    write(`sleep 9 & echo '${key}'`);
    assert.equal(await ask([program], 0.5), key);
    assert.ok(Date.now() - began < 8_000);
  });

  it("may print 64 KiB, on either stream", async () => {
    for (const floods of ["exec yes", "exec yes >&2"]) {
      write(floods);
      assert.match(await refusal(), /printed more than 64 KiB/, floods);
    }
  });

  describe("as a gate", () => {
    const gate = (input: object) =>
      execa("node", ["--require", "tsx/cjs", "gates/main.ts", "ask-host-key"], {
        input: JSON.stringify(input),
        reject: false,
      });
    const input = (change: object = {}) => ({
      command: [program],
      worker: { ...node, uid: "uid-of-worker-1", ...change },
    });

    it("answers with the key, or says why there is none", async () => {
      write(`echo '${key} comment'`);
      const { exitCode, stdout } = await gate(input());
      assert.deepEqual([exitCode, JSON.parse(stdout)], [0, { hostKey: key }]);
      write("exit 1");
      const failed = await gate(input());
      assert.deepEqual([failed.exitCode, failed.stdout], [1, ""]);
      assert.match(failed.stderr, /^the SSH host key of worker-1 is not known/);
    });

    it("runs nothing for a node whose values are hostile", async () => {
      write(`touch ${directory}/ran`, `echo '${key}'`);
      const hostile = [
        { name: "worker-1\nx" },
        { name: "$(id)" },
        { address: "-oProxyCommand=id" },
        { address: "10.0.0.11\n" },
        { providerId: "aws:///eu-west-1a/--query" },
        { providerId: "aws:///eu-west-1a/i-0123456789abcdef0\nx" },
        ...fc.sample(hostileText, 1).map((text) => ({ providerId: `x${text}` })),
      ];
      for (const change of hostile) {
        const { exitCode, stderr } = await gate(input(change));
        assert.equal(exitCode, 1, JSON.stringify(change));
        assert.match(stderr, /the input does not fit/);
      }
      assert.ok(!existsSync(join(directory, "ran")));
    });
  });
});
