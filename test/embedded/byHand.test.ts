import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { parseDocument } from "yaml";

import type { Cluster } from "../../lab/cluster/cluster.js";
import { enter } from "../../lab/cluster/namespaces.js";
import { OPERATOR } from "../../lab/cluster/topology.js";
import { labSettings, operatorEnvironment } from "../../lab/operator.js";
import type { Stage } from "../../migration/stages.js";
import { readmeSteps } from "../support/readmeSteps.js";
import { openUserTerminal, type UserTerminal } from "../support/userTerminal.js";
import { bootProduction, call } from "./boot.js";

/*
 * The whole move there and back with nothing but the command pulumi, as an operator types it: the
 * README's steps, one change of the line `stage` after the other, under load. What a pull request would
 * change is changed in the stack's file. Does not prove that the official language host and plugins do
 * the same where stand-ins run.
 */

describe("the whole move by the command pulumi alone", function () {
  this.timeout(600_000);
  let cluster: Cluster | undefined;
  let user: UserTerminal;

  const file = () => join(user.project, "stacks/Pulumi.staging.yaml");

  /** Sets sections of the stack's configuration as an editor would; all else in the file stays. */
  async function edit(sections: object): Promise<void> {
    const stack = parseDocument(await readFile(file(), "utf8"));
    for (const [section, value] of Object.entries(sections)) {
      stack.setIn(["config", `kube2iam-to-kiam:${section}`], stack.createNode(value));
    }
    await writeFile(file(), String(stack));
  }

  /** Promotes or takes back: that one line, then what the README types. */
  async function moveTo(stage: Stage): Promise<void> {
    await edit({ stage });
    for (const step of await readmeSteps("pulumi up -s")) await user.typed(`${step} --yes`);
  }

  before("boot, and an operator who begins a stack", async function () {
    const { cluster: booted, programs } = await bootProduction(this);
    cluster = booted;
    user = await openUserTerminal({
      parts: programs,
      environment: await operatorEnvironment(booted),
      within: enter(OPERATOR),
      workersKey: await readFile(booted.paths.ssh.key, "utf8"),
    });
    for (const step of await readmeSteps("pulumi stack init")) await user.typed(step);
    const { ssh, ...settings } = await labSettings(booted, "prepare");
    const { dialErrorLimit, perDialTimeoutSeconds } = ssh ?? {};
    await edit({ ...settings, ssh: { dialErrorLimit, perDialTimeoutSeconds } });
  });

  after("take down", async () => {
    await user?.dispose();
    await cluster?.stop();
  });

  it("prepares, and the application roles are made to trust kiam's server", async () => {
    await moveTo("prepare");
    await call("trust");
  });

  it("has the workers' key and host keys set as the README says", async () => {
    const [secret = "", hostKey = ""] = await readmeSteps("pulumi config set");
    await user.typed(secret);
    for (const { name } of cluster?.workers ?? []) {
      const key = await cluster?.hostKey(name);
      const words = /^(.*ssh\.hostKeys\[")[^"]*("\]') '[^']*'$/.exec(hostKey) ?? [];
      assert.ok(words.length > 0, `the README's step for host keys has another form: ${hostKey}`);
      await user.typed(`${words[1]}${name}${words[2]} '${key}'`);
    }
  });

  const forward: [Stage, string][] = [
    ["server", "kube2iam"],
    ["agent", "kube2iam before kiam"],
    ["cutover", "kiam"],
    ["retire", "kiam"],
  ];
  for (const [stage, rules] of forward) {
    it(`goes on to ${stage}, and then has nothing to change`, async () => {
      await moveTo(stage);
      assert.deepEqual(await call("rules"), { "worker-1": rules, "worker-2": rules });
      await user.typed("pulumi preview -s staging --expect-no-changes");
    });
  }

  it("finds nothing to refresh at the end", async () => {
    await user.typed("pulumi refresh -s staging --yes --expect-no-changes");
  });

  it("goes back to prepare by that one line", async () => {
    await moveTo("prepare");
    assert.deepEqual(await call("rules"), { "worker-1": "kube2iam", "worker-2": "kube2iam" });
  });

  it("goes all the way again, and comes back by pulumi destroy", async () => {
    await moveTo("retire");
    assert.deepEqual(await call("rules"), { "worker-1": "kiam", "worker-2": "kiam" });
    await user.typed("pulumi destroy -s staging --yes");
    assert.deepEqual(await call("rules"), { "worker-1": "kube2iam", "worker-2": "kube2iam" });
  });

  it("failed no request in all this, and gave none a wrong identity", async () => {
    const { failed, wrong, examples, requests } = await call("load");
    assert.deepEqual({ failed, wrong, examples }, { failed: 0, wrong: 0, examples: [] });
    assert.ok(requests > 1000, `${requests} requests`);
  });
});
