import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

import * as pb from "@pulumi/pulumi/proto/language_pb.js";
import { execa, type Options } from "execa";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import pWaitFor from "p-wait-for";

import { identify, isAlive } from "../../../lab/cluster/processes.js";
import { packageVersion } from "../../../lab/parts/context.js";
import {
  installedPackages,
  programDependencies,
} from "../../../lab/standins/languages/nodejs/packages.js";
import { runProgram } from "../../../lab/standins/languages/nodejs/program.js";
import { requireEngine } from "../../engine/engine.js";

/*
 * The stand-in under the real engine, with programs of a few lines. Does not prove that the official
 * language host does the same; what is expected here was read in its source.
 */

const checkout = resolve(__dirname, "../../..");

describe("the stand-in for Pulumi's Node.js language host", function () {
  this.timeout(120_000);
  let engine: string;
  let directory: string;

  before("a directory with a stack, whose program each test writes", async function () {
    engine = requireEngine(this);
    directory = await mkdtemp(join(tmpdir(), "kiam-language-host-"));
    await mkdir(join(directory, "state"));
    await project("");
    await pulumi("stack", "init", "one");
  });

  beforeEach("packages", async () => {
    const packages = join(directory, "node_modules");
    await rm(packages, { recursive: true, force: true });
    await symlink(join(checkout, "node_modules"), packages);
  });

  after("remove the directory", async () => {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  /** Writes the project, with these packages in its package.json. */
  async function project(program: string, options = {}, dependencies = {}): Promise<void> {
    const runtime = { name: "nodejs", options: { typescript: false, ...options } };
    const files = {
      "Pulumi.yaml": JSON.stringify({ name: "hosted", runtime, main: "index.js" }),
      "index.js": `const pulumi = require("@pulumi/pulumi");\n${program}`,
      "package.json": JSON.stringify({ name: "hosted", dependencies }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  }

  function running(args: string[]) {
    const options = {
      cwd: directory,
      all: true,
      reject: false,
      stdin: "ignore",
      env: {
        PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
        PULUMI_HOME: join(directory, "home"),
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PATH: [join(engine, "bin"), process.env.PATH ?? ""].join(delimiter),
      },
    } as const satisfies Options;
    return execa("pulumi", [...args, "--non-interactive"], options);
  }

  async function pulumi(...args: string[]): Promise<string> {
    const { all, exitCode } = await running(args);
    assert.equal(exitCode, 0, `pulumi ${args.join(" ")}: ${all}`);
    return all;
  }

  it("gives the program its configuration, its stack and the arguments of Pulumi.yaml", async () => {
    await project(
      `const config = new pulumi.Config();
      exports.greeting = config.require("greeting");
      exports.nested = config.requireObject("nested");
      exports.hidden = config.requireSecret("hidden");
      exports.stack = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()].join("/");
      exports.directory = process.cwd();
      exports.nodeArguments = process.execArgv;
      console.log("a preview:", pulumi.runtime.isDryRun());`,
      { nodeargs: "--no-deprecation --stack-trace-limit=7" },
    );
    await pulumi("config", "set", "greeting", "good morning");
    await pulumi("config", "set", "--path", "nested.inner", "1");
    await pulumi("config", "set", "--secret", "hidden", "not for the log");
    const previewed = await pulumi("preview");
    assert.match(previewed, /a preview: true/);
    assert.doesNotMatch(previewed, /not for the log|warning/);
    assert.match(await pulumi("up", "--yes", "--skip-preview"), /a preview: false/);
    assert.deepEqual(JSON.parse(await pulumi("stack", "output", "--json")), {
      greeting: "good morning",
      nested: { inner: 1 },
      hidden: "[secret]",
      stack: "organization/hosted/one",
      directory,
      nodeArguments: ["--no-deprecation", "--stack-trace-limit=7"],
    });
  });

  it("fails the preview of a program that has said why, without a word of its own", async () => {
    await project('throw new pulumi.RunError("there is no cluster");');
    const { all, exitCode } = await running(["preview"]);
    assert.notEqual(exitCode, 0, all);
    assert.match(all, /there is no cluster/);
    assert.doesNotMatch(all, /exit code|at .*index\.js/);
  });

  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    it(`leaves no program behind when the engine gets ${signal}`, async () => {
      await project(
        `require("node:fs").writeFileSync("running", String(process.pid));
        setTimeout(() => {}, 60_000);`,
      );
      const preview = running(["preview"]);
      const noted = join(directory, "running");
      const pid = () => (existsSync(noted) ? Number(readFileSync(noted, "utf8")) : 0);
      await pWaitFor(() => pid() > 0, { timeout: 60_000 });
      const program = identify(pid());
      await rm(noted);
      preview.kill(signal);
      await pWaitFor(() => !isAlive(program), { timeout: 15_000 });
      assert.notEqual((await preview).exitCode, 0);
    });
  }

  it("tells about the runtime and the program's packages", async () => {
    await project("", {}, { zod: "*", execa: "*" });
    const about = JSON.parse(await pulumi("about", "--json")) as {
      runtime: { language: string; version: string; languageHost: string };
      dependencies: { name: string; version: string }[];
    };
    assert.equal(about.runtime.language, "nodejs");
    assert.match(about.runtime.languageHost, /stand-in/);
    assert.match(about.runtime.version, /^v?\d+\.\d+\.\d+$/);
    assert.deepEqual(about.dependencies, [
      { name: "execa", version: await packageVersion("execa") },
      { name: "zod", version: await packageVersion("zod") },
    ]);
  });

  it("installs what the program needs, by npm", async () => {
    await project("", {}, { local: "file:local" });
    await rm(join(directory, "node_modules"));
    await mkdir(join(directory, "local"));
    const local = { name: "local", version: "1.0.0" };
    await writeFile(join(directory, "local", "package.json"), JSON.stringify(local));
    assert.match(await pulumi("install", "--no-plugins"), /added 1 package/);
    assert.deepEqual(await installedPackages(directory), [local]);
  });
});

describe("a program that cannot run, or ends badly", () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "kiam-program-"));
    await mkdir(join(directory, "node_modules/@pulumi/pulumi/cmd/run"), { recursive: true });
  });
  after(() => rm(directory, { recursive: true, force: true }));

  /** What the engine is told of a program, for which a script stands that cmd/run is taken for. */
  async function errorOf(script: string, options = {}, place = directory): Promise<string> {
    await writeFile(join(directory, "node_modules/@pulumi/pulumi/cmd/run/index.js"), script);
    const info = new pb.ProgramInfo()
      .setProgramDirectory(place)
      .setOptions(Struct.fromJavaScript(options));
    const { signal } = new AbortController();
    return (await runProgram(new pb.RunRequest().setInfo(info), "", signal)).getError();
  }

  it("is told by its exit code", async () =>
    assert.equal(await errorOf("process.exit(3)"), "Program exited with non-zero exit code: 3"));

  it("is told by the signal that ended it", async () =>
    assert.match(
      await errorOf('process.kill(process.pid, "SIGKILL"); setTimeout(() => {}, 60_000);'),
      /Program ended: .*SIGKILL/,
    ));

  it("is told by options that are none", async () => {
    assert.match(
      await errorOf("", { typescript: "no" }),
      /runtime\.options in Pulumi\.yaml: .*boolean[^]*typescript/,
    );
    assert.match(await errorOf("", { nodeargs: "--require 'a b'" }), /quotes are more than/);
  });

  it("is told to bring its packages", async () =>
    assert.match(await errorOf("", {}, tmpdir()), /SDK has not been installed.*npm ci/));
});

describe("the packages that a program can load", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "kiam-packages-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function write(path: string, content: object | string): Promise<void> {
    await mkdir(join(directory, path), { recursive: true });
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await writeFile(join(directory, path, "package.json"), text);
  }

  it("are those of node_modules, scoped, nested and linked, each once", async () => {
    await write("node_modules/plain", { name: "plain", version: "1.0.0" });
    await write("node_modules/@scope/inner", { name: "@scope/inner", version: "2.0.0" });
    await write("node_modules/plain/node_modules/nested", { name: "nested", version: "3.0.0" });
    await write("node_modules/.hidden", { name: "hidden", version: "4.0.0" });
    await write("node_modules/broken", "{");
    await mkdir(join(directory, "node_modules", "empty"));
    await symlink("plain", join(directory, "node_modules", "same"));
    await symlink("nowhere", join(directory, "node_modules", "dangling"));
    const found = await installedPackages(directory);
    assert.deepEqual(found.map(({ name }) => name).sort(), ["@scope/inner", "nested", "plain"]);
  });

  it("are none without node_modules", async () => {
    assert.deepEqual(await installedPackages(directory), []);
  });

  it("say which provider plugins they need", async () => {
    const found = (await installedPackages(checkout)).flatMap(({ pulumi }) => pulumi ?? []);
    const plugins = found.filter(({ resource }) => resource).map(({ name }) => name);
    assert.deepEqual(plugins.sort(), ["aws", "command", "kubernetes"]);
  });

  it("that package.json names are told with the version that is installed", async () => {
    await write("", { dependencies: { a: "^1.0.0", absent: "1" }, devDependencies: { b: "*" } });
    await write("node_modules/a", { name: "a", version: "1.2.3" });
    await write("node_modules/b", { name: "b", version: "4.5.6" });
    await write("node_modules/c", { name: "c", version: "7.8.9" });
    assert.deepEqual(await programDependencies(directory), [
      { name: "a", version: "1.2.3" },
      { name: "b", version: "4.5.6" },
    ]);
  });
});
