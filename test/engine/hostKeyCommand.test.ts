/**
 * `ssh.hostKeyCommand` on the real engine: a worker's cutover as the product declares it, with the real
 * gate that asks, and a real sshd that has two keys, so that either may be pinned.
 *
 * Not real: the worker's other gates, which need a cluster and succeed here, and the script for its
 * rules: sshd notes that it came, and runs nothing.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

import * as command from "@pulumi/command";

import { gateTarget } from "../../migration/situation/target.js";
import { WorkerCutover } from "../../components/cutover/workerCutover.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { situationOf } from "../../migration/situation/situation.js";
import type { PlannedWorker } from "../../migration/plan/plan.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { exampleFacts, exampleSettings } from "../support/exampleCluster.js";
import { skipBecause } from "../support/requirements.js";
import { createStack, requireEngine, type StateResource, type TestStack } from "./engine.js";
import { sshdUnavailable, startSshd, type Sshd } from "./sshd.js";
import { limit } from "./limit.js";

const repository = path.resolve(__dirname, "../..");
const providerId = "aws:///eu-west-1a/i-0123456789abcdef0";

describe("ssh.hostKeyCommand on the real engine", function () {
  this.timeout(limit);
  let sshd: Sshd;
  let test: TestStack;
  const file = (name: string) => path.join(test.directory, name);
  const lines = (name: string) =>
    existsSync(file(name)) ? readFileSync(file(name), "utf8").trimEnd().split("\n") : [];
  /** What the command answers from now on. */
  const answer = (key: string) => writeFileSync(file("key"), `${key}\n`);

  before(async function () {
    const engine = requireEngine(this);
    const reason = sshdUnavailable();
    if (reason !== undefined) return skipBecause(this, reason);
    test = await createStack(engine);
    sshd = await startSshd({ forceCommand: `cat >/dev/null; echo came >>${file("came")}` });
    const told = `"$NODE_NAME $PROVIDER_ID $ADDRESS"`;
    writeFileSync(
      file("command"),
      `#!/bin/sh\necho ${told} >>${file("asked")}\ncat ${file("key")}\n`,
    );
    chmodSync(file("command"), 0o755);
    // The gates that need a cluster have one answer, that kube2iam has no rule here.
    mkdirSync(file("tool/gates"), { recursive: true });
    symlinkSync(path.join(repository, "node_modules"), file("tool/node_modules"));
    writeFileSync(
      file("tool/gates/main.ts"),
      `if (process.argv[2] === "ask-host-key") require(${JSON.stringify(path.join(repository, "gates/main.ts"))});
       else console.log('{"rules":[]}');`,
    );
  });

  after(async () => {
    await sshd?.stop();
    await test?.dispose();
  });

  function declare(uid: string): void {
    const settings = parseSettings(
      exampleSettings({
        ssh: {
          user: sshd.user,
          port: sshd.port,
          privateKey: sshd.privateKey,
          sudo: false,
          dialErrorLimit: 1,
          hostKeyCommand: [file("command")],
        },
      }),
    );
    const worker: PlannedWorker = {
      name: "worker-1",
      uid,
      hostIp: "10.0.0.11",
      access: "ssh",
      address: sshd.host,
      providerId,
      hostKey: undefined,
      generation: "0123456789ab",
      steps: ["ask-host-key", "capture", "recheck", "remove-rule", "live-probe"],
      held: false,
    };
    const plan = makePlan(situationOf(settings, exampleFacts()));
    test.program(() => {
      new WorkerCutover("worker-1-cutover", {
        worker,
        ssh: settings.ssh,
        probe: {
          role: "probe",
          roleArn: "arn:aws:iam::123456789012:role/probe",
          image: "i",
          namespace: "kiam",
        },
        target: gateTarget(settings, plan.kube2iam),
        anchor: new command.local.Command("anchor", {}),
        toolDirectory: file("tool"),
      });
      return Promise.resolve();
    });
  }

  /** The key that the removal's connection is pinned to, in the state. */
  async function pinned(): Promise<unknown> {
    // All of it is a secret, since the private key is.
    const { deployment } = (await test.stack.exportStack()) as {
      deployment: { resources: StateResource[] };
    };
    const removal = deployment.resources.find(({ urn }) =>
      urn.endsWith("::worker-1-cutover-removal"),
    );
    const { plaintext } = removal?.inputs?.connection as { plaintext: string };
    return (JSON.parse(plaintext) as { hostKey?: unknown }).hostKey;
  }

  async function changed(options: { replace?: string[] } = {}): Promise<Record<string, number>> {
    const changes = (await test.stack.up(options)).summary.resourceChanges ?? {};
    return Object.fromEntries(
      Object.entries(changes).filter(([operation]) => operation !== "same"),
    );
  }

  const asking = async () => (await test.resources())["worker-1-cutover-host-key"]?.urn ?? "";
  const ask = `worker-1 ${providerId} 127.0.0.1`;

  it("is asked once, and every command for the worker is pinned to what it said", async () => {
    answer(`${sshd.hostKey} as EC2 has it`);
    declare("uid-1");
    await changed();
    assert.deepEqual(lines("asked"), [ask]);
    assert.deepEqual(lines("came"), ["came"]);
    assert.equal(await pinned(), sshd.hostKey);
  });

  it("is not asked again, whatever it would answer by now", async () => {
    assert.deepEqual(await changed(), {});
    answer(sshd.otherHostKey);
    assert.deepEqual(await changed(), {});
    assert.deepEqual(lines("asked"), [ask]);
    assert.equal(await pinned(), sshd.hostKey);
  });

  it("is asked anew for a node that was replaced under its name", async () => {
    declare("uid-2");
    await changed();
    assert.deepEqual(lines("asked"), [ask, ask]);
    assert.equal(await pinned(), sshd.otherHostKey);
    assert.deepEqual(lines("came"), ["came", "came"], "over the other key");
    assert.deepEqual(await changed(), {});
  });

  it("is asked anew by pulumi up --replace, and what it says holds for the worker's commands", async () => {
    // Of another host: nothing may be done there.
    answer("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5Zt5KqPq5bH5VJ3J6qk0V2yEr0a5X0aYk9h2l1vN0B");
    await assert.rejects(changed({ replace: [await asking()] }), /host key mismatch/);
    assert.equal(lines("asked").length, 3);
    assert.deepEqual(lines("came"), ["came", "came"]);

    answer(sshd.hostKey);
    await changed({ replace: [await asking()] });
    assert.equal(lines("asked").length, 4);
    assert.equal(await pinned(), sshd.hostKey);
    assert.equal(lines("came").length, 3, "over the first key");
    assert.deepEqual(await changed(), {});
  });
});
