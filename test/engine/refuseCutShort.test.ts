import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { PLUGINS, type Parts } from "../../lab/parts/types.js";
import { openUserTerminal, type UserTerminal } from "../support/userTerminal.js";
import { requireEngine } from "./engine.js";

/*
 * The command pulumi on a stack whose state has pending operations, written there by hand. The engine is
 * real, the language host may be a stand-in; there is no cluster, so a program that is not refused fails.
 * That an engine which is killed leaves such a state is for interruptedUpdate.test.ts.
 */

const checkout = resolve(__dirname, "../..");
const project = "kube2iam-to-kiam";
const stackUrn = `urn:pulumi:staging::${project}::pulumi:pulumi:Stack::${project}-staging`;
const removal = `urn:pulumi:staging::${project}::${project}:index:WorkerCutover$command:remote:Command::worker-1-cutover-removal`;

interface StateFile {
  checkpoint: { latest?: { pending_operations?: { type: string }[] } };
}

describe("the command pulumi after an update that was cut short", function () {
  this.timeout(180_000);
  let user: UserTerminal;
  let state: string;

  before("engine, a user, and a stack", async function () {
    const root = requireEngine(this);
    const standIn = (name: string) => join(checkout, "lab/standins/providers", name);
    const plugins = Object.fromEntries(PLUGINS.map((name) => [name, { directory: standIn(name) }]));
    const parts = { engine: { root }, plugins: plugins as Parts["plugins"] };
    const environment = { PULUMI_BACKEND_URL: "", KUBECONFIG: "/dev/null" };
    user = await openUserTerminal({ parts, environment });
    await user.typed("pulumi stack init staging");
    state = join(user.project, "../state/.pulumi/stacks", project, "staging.json");
  });

  beforeEach("pending operations", async () => {
    const file = JSON.parse(await readFile(state, "utf8")) as StateFile;
    const resource = { urn: removal, custom: true, id: "x", type: "command:remote:Command" };
    const latest = {
      ...file.checkpoint.latest,
      manifest: { time: "2026-01-02T03:04:05Z", magic: "", version: "" },
      resources: [{ urn: stackUrn, custom: false, type: "pulumi:pulumi:Stack" }],
      pending_operations: ["deleting", "creating"].map((type) => ({ type, resource })),
    };
    await writeFile(state, JSON.stringify({ ...file, checkpoint: { ...file.checkpoint, latest } }));
  });

  after("stop what was started", () => user?.dispose());

  async function pending(): Promise<string[]> {
    const { checkpoint } = JSON.parse(await readFile(state, "utf8")) as StateFile;
    return (checkpoint.latest?.pending_operations ?? []).map(({ type }) => type);
  }

  const underWay =
    /was cut short[^]*under way: deleting over SSH: worker-1-cutover-removal \(worker-1\)/;
  const recover = /npx kiam-migrate recover --stack staging\./;

  it("warns in a preview, and goes on", async () => {
    const { all } = await user.type("pulumi preview -s staging");
    assert.match(all, underWay);
    assert.match(all, recover);
    assert.match(all, /or another one is running now\.\n/);
    assert.match(all, /error: /, "the program had its say");
    assert.deepEqual(await pending(), ["deleting", "creating"]);
  });

  it("refuses to go up, each time, and leaves what is pending for recover", async () => {
    for (const command of [
      "pulumi up -s staging --yes",
      "pulumi --non-interactive up --yes -s staging",
    ]) {
      const { all, exitCode } = await user.type(command);
      assert.notEqual(exitCode, 0);
      assert.match(all, underWay);
      assert.match(all, recover);
      assert.match(all, /Nothing was touched now/);
      assert.doesNotMatch(all, /Updating \(|^\s+at .*:\d+:\d+\)?$|non-zero exit code/m);
      assert.deepEqual(await pending(), ["deleting", "creating"]);
    }
  });

  it("refuses without a preview as well, and says what Pulumi then forgets", async () => {
    const { all, exitCode } = await user.type("pulumi up -s staging --yes --skip-preview");
    assert.notEqual(exitCode, 0);
    assert.match(all, underWay);
    assert.match(all, recover);
    assert.match(all, /Note down what is no creation/);
    assert.deepEqual(await pending(), ["creating"]);
  });
});
