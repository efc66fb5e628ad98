import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { GetRoleCommand } from "@aws-sdk/client-iam";
import { parse } from "yaml";

import type { MoveAnswer } from "../../automation/move/moveAnswer.js";
import { PLUGINS, type Parts } from "../../lab/parts/types.js";
import { nodeRoles } from "../../lab/workload/roles.js";
import { readmeSteps } from "../support/readmeSteps.js";
import { writeSections } from "../support/userProject.js";
import { moveByScript } from "../support/userScript.js";
import { openUserTerminal, type UserTerminal } from "../support/userTerminal.js";
import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { requireEngine } from "./engine.js";
import { limit } from "./limit.js";

/*
 * The command pulumi in a user's hands, from index.ts and with Pulumi.yaml as it is: the steps of the
 * README up to stage prepare, in its own words, with a passphrase of one's own and copies of the stacks'
 * files. The engine, the API server and the lab's IAM are real; the language host and the providers are
 * stand-ins where the official ones cannot be had. There are no nodes that run anything, so stage server
 * fails at its gate, and the later ones are not tried here.
 */

const checkout = resolve(__dirname, "../..");

describe("the command pulumi, by hand as the README says", function () {
  this.timeout(limit);
  let cluster: ClusterOfApis;
  let user: UserTerminal;

  before("API server, IAM, engine, and a user", async function () {
    const root = requireEngine(this);
    cluster = await startClusterOfApis(this);
    const standIn = (name: string) => join(checkout, "lab/standins/providers", name);
    const plugins = Object.fromEntries(PLUGINS.map((name) => [name, { directory: standIn(name) }]));
    const parts = { engine: { root }, plugins: plugins as Parts["plugins"] };
    // They log in to a backend of their own.
    const environment = { ...cluster.environment, PULUMI_BACKEND_URL: "" };
    user = await openUserTerminal({ parts, environment });
  });

  after("stop what was started", async () => {
    await user?.dispose();
    await cluster?.dispose();
  });

  const file = () => join(user.project, "stacks/Pulumi.staging.yaml");
  const readStack = async () => parse(await readFile(file(), "utf8")) as Record<string, unknown>;

  it("begins a stack with a passphrase of one's own, beside the settings that are there", async () => {
    const before = await readStack();
    for (const step of await readmeSteps("pulumi stack init")) await user.typed(step);
    const { encryptionsalt, ...others } = await readStack();
    assert.equal(typeof encryptionsalt, "string");
    assert.deepEqual(others, before);
  });

  it("previews nothing but what does not fit the cluster, without a trace", async () => {
    await writeSections(file(), {
      kiam: { region: "us-east-1" },
      iam: { masterRoleName: nodeRoles.masters, workerRoleName: nodeRoles.workers },
      namespaces: { orders: { permitted: "arn:aws:iam::123456789012:role/app-orders" } },
    });
    await user.typed("pulumi config set --path namespaces.nowhere.permitted '.*'");
    const { all, exitCode } = await user.type("pulumi preview -s staging");
    await user.typed("pulumi config rm --path namespaces.nowhere");
    assert.notEqual(exitCode, 0);
    assert.match(all, /namespace\/nowhere: there is no such namespace/);
    assert.doesNotMatch(all, /^\s+at .*:\d+:\d+\)?$|warning: using pulumi-/m);
  });

  it("refuses a section that is no object, by the types of Pulumi.yaml", async () => {
    const before = await readFile(file());
    await user.typed(`pulumi config set probe '{"role":"kiam-probe"}'`);
    const { all, exitCode } = await user.type("pulumi preview -s staging");
    await writeFile(file(), before);
    assert.notEqual(exitCode, 0);
    assert.match(all, /configuration key 'probe' must be of type 'object'/);
  });

  it("goes up at stage prepare", async () => {
    for (const step of await readmeSteps("pulumi up -s")) {
      assert.match(await user.typed(`${step} --yes`), /aws:iam:Role +iam-server +create/);
    }
    const { Role } = await cluster.iam.send(new GetRoleCommand({ RoleName: "kiam-server" }));
    const arn = (await user.typed("pulumi stack output serverRoleArn -s staging")).trim();
    assert.equal(arn, Role?.Arn);
  });

  it("keeps the key of the workers for those who know the passphrase, and has nothing to change by it", async () => {
    // The README leaves the rest of a host key out.
    const hostKey = `AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;
    for (const step of await readmeSteps("pulumi config set")) {
      await user.typed(step.replace("AAAA…", hostKey));
    }
    const text = await readFile(file(), "utf8");
    assert.match(text, /privateKey:\n +secure: /);
    assert.match(text, /ip-10-0-1-23\S*: ssh-ed25519 AAAAC3/);
    await user.typed("pulumi preview -s staging --expect-no-changes");
    const other = { PULUMI_CONFIG_PASSPHRASE: "another one" };
    const { all, exitCode } = await user.type("pulumi preview -s staging", other);
    assert.notEqual(exitCode, 0);
    assert.match(all, /incorrect passphrase/);
  });

  it("takes turns with kiam-migrate and a script: each takes up what the one before has left", async () => {
    const files = [join(user.project, "Pulumi.yaml"), file()];
    await writeSections(file(), { probe: { role: "kiam-probe", timeoutSeconds: 10 } });
    const before = await Promise.all(files.map((each) => readFile(each, "utf8")));
    const migrate = async (to: string) => {
      const flags = "--stack staging --yes --no-ssh --no-iam --json 2>/dev/null";
      const { all, exitCode } = await user.type(`npx kiam-migrate migrate --to ${to} ${flags}`);
      return { exitCode, answer: JSON.parse(all) as MoveAnswer };
    };

    const prepared = await migrate("prepare");
    assert.deepEqual(
      prepared.answer.moves.map(({ at, steps }) => [at, steps]),
      [["prepare", []]],
      "pulumi up has left nothing to do",
    );
    const { exitCode, answer } = await migrate("server");
    assert.deepEqual([exitCode, answer.outcome], [3, "failed"], "nothing runs its pods here");
    const [back] = await moveByScript(user, "back", "prepare");
    assert.equal(back?.at, "prepare");
    assert.ok(back.steps.includes("delete DaemonSet kiam-server"));
    assert.ok(back.steps.every((step) => step.startsWith("delete ")));
    await user.typed("pulumi preview -s staging --expect-no-changes");
    const after = await Promise.all(files.map((each) => readFile(each, "utf8")));
    assert.deepEqual(after, before, "the stage's line is as it was, and so is all else");
  });

  it("takes everything away", async () => {
    await user.typed("pulumi destroy -s staging --yes");
    await assert.rejects(cluster.iam.send(new GetRoleCommand({ RoleName: "kiam-server" })));
  });
});
