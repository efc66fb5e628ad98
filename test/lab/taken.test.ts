import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { execa } from "execa";
import pWaitFor from "p-wait-for";

import { namesInUse } from "../../lab/cluster/holders.js";
import { knownLabs } from "../../lab/cluster/lock.js";
import { namespacePath } from "../../lab/cluster/namespaces.js";
import { cleanLeftovers } from "../../lab/cluster/stop.js";
import { takenContact } from "../../lab/cluster/taken.js";
import { VPC } from "../../lab/cluster/topology.js";
import { labName, TYPESCRIPT } from "../../lab/paths.js";
import { needsCommands, needsRoot } from "../support/requirements.js";

/*
 * A name of the lab on this machine that something else has: `npm start` as a process, in front of a
 * network namespace in which a server listens where the lab's AWS is to. No lab is booted.
 */

const checkout = resolve(__dirname, "../..");
const port = 4566;

describe("npm start, where something else has a name of the lab", () => {
  const directory = join(tmpdir(), `lab-taken-${process.pid}`);
  const namespace = `${labName(directory)}-${VPC}`;
  const listen = `require("node:net").createServer().listen(${port})`;
  let server: ReturnType<typeof startServer> | undefined;

  const startServer = () =>
    execa("ip", ["netns", "exec", namespace, process.execPath, "-e", listen], { reject: false });
  const start = () =>
    execa(process.execPath, [...TYPESCRIPT, join(checkout, "lab/start.ts")], {
      env: { KIAM_LAB_DIR: directory },
      reject: false,
    });
  const listens = () => namesInUse(directory).some((name) => name.holders[0]?.ports[0] === port);

  before("the namespace, and a server in it", async function () {
    needsRoot(this);
    needsCommands(this, ["ip"]);
    await execa("ip", ["netns", "add", namespace]);
    server = startServer();
    await pWaitFor(listens, { timeout: 10_000 });
  });

  after(async () => {
    if (server === undefined) return;
    server.kill("SIGKILL");
    await server;
    await execa("ip", ["netns", "delete", namespace]);
  });

  it("says what it is, who has it and what to type; starts nothing, and leaves it alone", async () => {
    const { exitCode, stdout, stderr } = await start();
    assert.equal(exitCode, 1);
    assert.equal(stdout, "");
    assert.equal(stderr.split("[lab-name-taken]").length, 2, stderr);
    assert.ok(stderr.includes(namespacePath(VPC, directory)), stderr);
    assert.ok(stderr.includes(`process ${server?.pid} (`), stderr);
    assert.ok(stderr.includes(`listens on port ${port}`), stderr);
    assert.ok(stderr.includes(`KIAM_LAB_DIR=${directory}-2 npm start`), stderr);
    assert.ok(stderr.includes(`ip netns delete ${namespace}`), stderr);
    assert.doesNotMatch(stderr, /^ +at /m, "no stack trace");
    assert.ok(listens(), "the server still listens");
    assert.ok(!existsSync(directory));
    assert.ok(!knownLabs().some((lab) => lab.directory === directory));
  });

  it("is not what a killed run has left, which --down removes", async () => {
    const { KIAM_LAB_DIR: before } = process.env;
    process.env.KIAM_LAB_DIR = directory;
    try {
      await cleanLeftovers();
    } finally {
      if (before === undefined) delete process.env.KIAM_LAB_DIR;
      else process.env.KIAM_LAB_DIR = before;
    }
    assert.ok(listens(), "the server still listens");
  });

  it("tells of every name, and of some of many processes", () => {
    const holders = Array.from({ length: 7 }, (_, i) => ({ pid: i + 1, command: "x", ports: [] }));
    const { what, said, fix } = takenContact("/x", [
      { kind: "network namespace", name: "/run/netns/kiamlab-0-vpc", holders },
      { kind: "control group", name: "/sys/fs/cgroup/kiamlab-0", holders: [] },
    ]);
    assert.match(what, /network namespace \/run\/netns.*, control group \/sys/);
    assert.deepEqual(said?.length, 6);
    assert.match(said[5] ?? "", /2 more/);
    assert.match(fix, /ip netns delete kiamlab-0-vpc && find \/sys\/fs\/cgroup\/kiamlab-0 /);
  });
});
