import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Cluster } from "../../lab/cluster/cluster.js";
import { enter } from "../../lab/cluster/namespaces.js";
import { OPERATOR } from "../../lab/cluster/topology.js";
import { labSettings, operatorEnvironment } from "../../lab/operator.js";
import { CHECKOUT } from "../../lab/paths.js";
import type { Stage } from "../../migration/stages.js";
import { readmeSteps } from "../support/readmeSteps.js";
import { writeSections } from "../support/userProject.js";
import { moveByScript } from "../support/userScript.js";
import { openUserTerminal, type UserTerminal } from "../support/userTerminal.js";
import { bootProduction, call } from "./boot.js";

/*
 * The README's first steps as an operator types them on the embedded cluster, under load: the whole move
 * and its way back with a passphrase of one's own, stage by stage in turns by the command pulumi,
 * kiam-migrate and a script. What a pull request would change is changed in the stack's file. One worker: what more of them need, migration.test.ts shows. Does
 * not prove that the official language host and plugins do the same where stand-ins run.
 */

describe("the README's steps on a cluster of one's own", function () {
  this.timeout(600_000);
  let cluster: Cluster | undefined;
  let user: UserTerminal;

  const file = () => join(user.project, "stacks/Pulumi.staging.yaml");
  const edit = (sections: object) => writeSections(file(), sections);

  /** Promotes or takes back: that one line, then what the README types. */
  async function moveTo(stage: Stage): Promise<void> {
    await edit({ stage });
    for (const step of await readmeSteps("pulumi up -s")) await user.typed(`${step} --yes`);
  }

  /** The README's other way, for one stage. */
  async function migrateTo(stage: Stage): Promise<void> {
    for (const step of await readmeSteps("npx kiam-migrate migrate")) {
      await user.typed(`${step.replace(/--to \w+/, `--to ${stage}`)} --yes`);
    }
  }

  /** The third one. Of this stage alone: the one before has left nothing to do. */
  async function scriptTo(stage: Stage): Promise<void> {
    const moves = await moveByScript(user, "there", stage);
    assert.deepEqual(
      moves.map(({ at }) => at),
      [stage],
    );
    await user.typed("pulumi preview -s staging --expect-no-changes");
  }

  before("boot, and an operator who begins a stack", async function () {
    const { cluster: booted, programs } = await bootProduction(this, { workers: 1 });
    cluster = booted;
    user = await openUserTerminal({
      parts: programs,
      environment: await operatorEnvironment(booted),
      within: enter(OPERATOR),
      workersKey: await readFile(booted.paths.ssh.key, "utf8"),
    });
    for (const step of await readmeSteps("pulumi stack init")) await user.typed(step);
    // The login to the workers is set by its own step.
    const { ssh, ...settings } = await labSettings(booted, "prepare");
    const { dialErrorLimit, perDialTimeoutSeconds } = ssh ?? {};
    await edit({ ...settings, ssh: { dialErrorLimit, perDialTimeoutSeconds } });
  });

  after("take down", async () => {
    await user?.dispose();
    await cluster?.stop();
  });

  it("is told by the audit that nothing is in the way of stage prepare", async () => {
    for (const step of await readmeSteps("npx kiam-migrate audit")) await user.typed(step);
  });

  it("prepares, and has the application roles trust kiam's server", async () => {
    await moveTo("prepare");
    for (const step of await readmeSteps("npx kiam-migrate trust")) {
      await user.typed(`${step} --approve`);
    }
    // As that step says: this user is no administrator of the cluster.
    const rights = join(CHECKOUT, "rights/kubernetes/move-in-kiam.yaml");
    await cluster?.kubectl(["apply", "-f", rights]);
  });

  it("has the workers' key and host keys set as the README says", async () => {
    const [secret = "", hostKey = ""] = await readmeSteps("pulumi config set");
    await user.typed(secret);
    const [, before, after] = /^(.*ssh\.hostKeys\[")[^"]*("\]') '[^']*'$/.exec(hostKey) ?? [];
    assert.ok(before && after, `the README's step for host keys has another form: ${hostKey}`);
    await user.typed(`${before}worker-1${after} '${await cluster?.hostKey("worker-1")}'`);
  });

  const forward: [Stage, string, (stage: Stage) => Promise<void>][] = [
    ["server", "kube2iam", moveTo],
    ["agent", "kube2iam before kiam", migrateTo],
    ["cutover", "kiam", scriptTo],
    ["retire", "kiam", moveTo],
  ];
  for (const [stage, rules, move] of forward) {
    it(`goes on to ${stage}`, async () => {
      await move(stage);
      assert.deepEqual(await call("rules"), { "worker-1": rules });
    });
  }

  it("has nothing to change and nothing to refresh then", async () => {
    await user.typed("pulumi preview -s staging --expect-no-changes");
    await user.typed("pulumi refresh -s staging --yes --expect-no-changes");
  });

  it("goes back to prepare by that one line", async () => {
    await moveTo("prepare");
    assert.deepEqual(await call("rules"), { "worker-1": "kube2iam" });
  });

  it("failed no request in all this, and gave none a wrong identity", async () => {
    const { failed, wrong, examples, requests } = await call("load");
    assert.deepEqual({ failed, wrong, examples }, { failed: 0, wrong: 0, examples: [] });
    assert.ok(requests > 1000, `${requests} requests`);
  });
});
