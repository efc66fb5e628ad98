import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

import { GetRoleCommand } from "@aws-sdk/client-iam";
import { execa } from "execa";
import { parseDocument } from "yaml";

import { PLUGINS, type Parts } from "../../lab/parts/types.js";
import { providePlugins } from "../../lab/pulumiHome.js";
import { nodeRoles } from "../../lab/workload/roles.js";
import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { requireEngine } from "./engine.js";

/*
 * The command pulumi in a user's hands, from index.ts and with Pulumi.yaml as it is: the steps of the
 * README up to stage prepare, in its own words, with a passphrase of one's own and copies of the stacks'
 * files. The engine, the API server and the lab's IAM are real; the language host and the providers are
 * stand-ins where the official ones cannot be had. There are no nodes that run anything, so the later
 * stages are not tried here.
 */

const checkout = resolve(__dirname, "../..");

/** What the README has a user type for their own cluster, in its order. */
async function readmeCommands(): Promise<string[]> {
  const readme = await readFile(join(checkout, "README.md"), "utf8");
  const [, section = ""] = /## First steps on your own cluster\n([^]*?)\n## /.exec(readme) ?? [];
  const typed = section.matchAll(/```\n([^]*?)```|`(pulumi [^`]+)`/g);
  return [...typed]
    .flatMap(([, block, words]) => (words ?? block ?? "").split("\n"))
    .map((line) => line.trim())
    .filter((line) => line.startsWith("pulumi "));
}

describe("the command pulumi, by hand as the README says", function () {
  this.timeout(180_000);
  let cluster: ClusterOfApis;
  let commands: string[];
  /** A user's home directory, and their checkout in it. */
  let home: string;
  let project: string;
  let environment: Record<string, string>;

  before("API server, IAM, engine, and a checkout with stacks of one's own", async function () {
    const engine = requireEngine(this);
    cluster = await startClusterOfApis(this);
    commands = await readmeCommands();
    home = await mkdtemp(join(tmpdir(), "kiam-by-hand-"));
    project = join(home, "kube2iam-to-kiam");
    await mkdir(project);
    for (const own of ["Pulumi.yaml", "stacks"]) {
      await cp(join(checkout, own), join(project, own), { recursive: true });
    }
    for (const same of ["index.ts", "gates", "node_modules", "package.json", "tsconfig.json"]) {
      await symlink(join(checkout, same), join(project, same));
    }
    const { privateKey } = generateKeyPairSync("ed25519");
    await mkdir(join(home, ".ssh"));
    await writeFile(
      join(home, ".ssh", "workers_key"),
      privateKey.export({ type: "pkcs8", format: "pem" }),
    );
    const standIn = (name: string) => join(checkout, "lab/standins/providers", name);
    const plugins = Object.fromEntries(PLUGINS.map((name) => [name, { directory: standIn(name) }]));
    await providePlugins(join(home, ".pulumi"), plugins as Parts["plugins"]);
    await mkdir(join(home, "state"));
    environment = {
      ...cluster.environment,
      HOME: home,
      PULUMI_HOME: join(home, ".pulumi"),
      PULUMI_BACKEND_URL: "",
      PULUMI_CONFIG_PASSPHRASE: "a passphrase of one's own",
      PATH: [join(engine, "bin"), process.env.PATH ?? ""].join(delimiter),
    };
    await typed(`pulumi login file://${home}/state`);
  });

  after("stop what was started", async () => {
    await cluster?.dispose();
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });

  /** What a shell makes of a line, as it is typed. */
  function type(line: string, env: Record<string, string> = {}) {
    return execa("bash", ["-c", line], {
      cwd: project,
      env: { ...environment, ...env },
      all: true,
      reject: false,
      stdin: "ignore",
    });
  }

  /** The same, and what it printed. */
  async function typed(line: string): Promise<string> {
    const { all, exitCode } = await type(line);
    assert.equal(exitCode, 0, `${line}\n${all}`);
    return all;
  }

  function saidInReadme(start: string): string[] {
    const found = commands.filter((command) => command.startsWith(start));
    assert.notDeepEqual(found, [], `the README has no command that begins with: ${start}`);
    return found;
  }

  it("begins a stack with a passphrase of one's own, beside the settings that are there", async () => {
    const settings = async () => {
      const text = await readFile(join(project, "stacks/Pulumi.staging.yaml"), "utf8");
      return parseDocument(text).toJSON() as Record<string, unknown>;
    };
    const before = await settings();
    for (const line of saidInReadme("pulumi stack init")) await typed(line);
    const { encryptionsalt, ...others } = await settings();
    assert.equal(typeof encryptionsalt, "string");
    assert.deepEqual(others, before);
  });

  it("previews nothing of what does not fit the cluster, and says so without a trace", async () => {
    const { all, exitCode } = await type("pulumi preview -s staging");
    assert.notEqual(exitCode, 0);
    assert.match(all, /namespace\/payments: there is no such namespace/);
    assert.doesNotMatch(all, /^\s+at .*\(.*:\d+:\d+\)/m);
    assert.doesNotMatch(all, /warning: using pulumi-/);
  });

  it("takes the settings once they are the cluster's", async () => {
    const file = join(project, "stacks/Pulumi.staging.yaml");
    const stack = parseDocument(await readFile(file, "utf8"));
    const set = (path: string[], value: unknown) => {
      const [section = "", ...rest] = path;
      stack.setIn(["config", `kube2iam-to-kiam:${section}`, ...rest], stack.createNode(value));
    };
    set(["kiam", "region"], "us-east-1");
    set(["iam", "masterRoleName"], nodeRoles.masters);
    set(["iam", "workerRoleName"], nodeRoles.workers);
    set(["namespaces"], { orders: { permitted: "arn:aws:iam::123456789012:role/app-orders" } });
    await writeFile(file, String(stack));
    assert.match(await typed("pulumi preview -s staging"), /aws:iam:Role +iam-server +create/);
  });

  it("refuses a section that is no object, by the types of Pulumi.yaml", async () => {
    const before = await readFile(join(project, "stacks/Pulumi.staging.yaml"));
    await typed(`pulumi config set probe '{"role":"kiam-probe"}'`);
    const { all, exitCode } = await type("pulumi preview -s staging");
    await writeFile(join(project, "stacks/Pulumi.staging.yaml"), before);
    assert.notEqual(exitCode, 0);
    assert.match(all, /configuration key 'probe' must be of type 'object'/);
  });

  it("goes up at stage prepare, and then has nothing to change", async () => {
    for (const line of saidInReadme("pulumi up -s")) await typed(`${line} --yes`);
    const { Role } = await cluster.iam.send(new GetRoleCommand({ RoleName: "kiam-server" }));
    const arn = (await typed("pulumi stack output serverRoleArn -s staging")).trim();
    assert.equal(arn, Role?.Arn);
    await typed("pulumi preview -s staging --expect-no-changes");
  });

  it("keeps the key of the workers for those who know the passphrase", async () => {
    const example = "AAAA…";
    const key = `AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;
    for (const line of saidInReadme("pulumi config set")) await typed(line.replace(example, key));
    const file = await readFile(join(project, "stacks/Pulumi.staging.yaml"), "utf8");
    assert.doesNotMatch(file, /PRIVATE KEY/);
    assert.match(file, /ip-10-0-1-23/);
    await typed("pulumi preview -s staging --expect-no-changes");
    const another = { PULUMI_CONFIG_PASSPHRASE: "another one" };
    const { all, exitCode } = await type("pulumi preview -s staging", another);
    assert.notEqual(exitCode, 0);
    assert.match(all, /incorrect passphrase/);
  });

  it("finds nothing to refresh, and takes everything away", async () => {
    await typed("pulumi refresh -s staging --yes --expect-no-changes");
    await typed("pulumi destroy -s staging --yes");
    await assert.rejects(cluster.iam.send(new GetRoleCommand({ RoleName: "kiam-server" })));
    await typed("pulumi stack rm staging --yes --preserve-config");
  });
});
