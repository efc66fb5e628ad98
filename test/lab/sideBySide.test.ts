import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { execa } from "execa";
import pWaitFor from "p-wait-for";

import { claimDirectory } from "../../lab/cluster/cleanup.js";
import { acquireLock, findRunningLab, knownLabs, releaseLock } from "../../lab/cluster/lock.js";
import { enter, listMembers } from "../../lab/cluster/namespaces.js";
import { isAlive } from "../../lab/cluster/processes.js";
import { cleanLeftovers, stopCluster } from "../../lab/cluster/stop.js";
import { recordedDaemons } from "../../lab/cluster/supervisor.js";
import { OPERATOR, OPERATOR_ADDRESS } from "../../lab/cluster/topology.js";
import { labName, labPaths, TYPESCRIPT } from "../../lab/paths.js";
import { needsCommands, needsRoot } from "../support/requirements.js";

/*
 * Two labs on one machine: each has its own lock, network, control groups and processes, and what
 * is cleaned up of one is never the other's. For real, with the least that takes a lab's names;
 * that whole clusters run side by side is seen where the tiers that boot one run in two shards.
 */

/** The lab has all that smallLab.ts makes. */
function isWhole(directory: string): boolean {
  return (
    recordedDaemons(labPaths(directory)).filter(isAlive).length === 1 &&
    listMembers(directory).sort().join() === "operator,vpc" &&
    hasGroups(directory)
  );
}

/** Whether it has control groups, in either version's hierarchy. */
function hasGroups(directory: string): boolean {
  return ["", "memory"].some((hierarchy) =>
    existsSync(join("/sys/fs/cgroup", hierarchy, labName(directory), "worker-1")),
  );
}

describe("labs side by side", function () {
  this.timeout(60_000);
  const labs: { directory: string; program: ReturnType<typeof start> }[] = [];

  const start = (directory: string) =>
    execa(process.execPath, [...TYPESCRIPT, join(__dirname, "smallLab.ts")], {
      env: { KIAM_LAB_DIR: directory },
      reject: false,
    });

  function lab(index: number) {
    const found = labs[index];
    assert.ok(found !== undefined);
    return found;
  }

  before("start two", async function () {
    needsRoot(this);
    needsCommands(this, ["ip", "nsenter"]);
    for (let index = 0; index < 2; index++) {
      const directory = await mkdtemp(join(tmpdir(), "lab-beside-"));
      labs.push({ directory, program: start(directory) });
    }
    await Promise.all(
      labs.map(async ({ directory, program }) => {
        const ended = program.then(({ stderr }) => assert.fail(stderr));
        await Promise.race([pWaitFor(() => isWhole(directory)), ended]);
      }),
    );
  });

  after("take them down", async () => {
    for (const { directory, program } of labs) {
      program.kill("SIGKILL");
      await program;
      await stopCluster(directory);
      await rm(directory, { recursive: true, force: true });
    }
  });

  it("both have the same addresses, in networks of their own", async () => {
    for (const { directory } of labs) {
      const [file = "", ...rest] = enter(OPERATOR, directory);
      const { stdout } = await execa(file, [...rest, "ip", "-o", "address", "show", "eth0"]);
      assert.ok(stdout.includes(OPERATOR_ADDRESS), stdout);
    }
  });

  it("refuse a third in the directory of one, and say what to do", async () => {
    const { directory } = lab(0);
    const { exitCode, stderr } = await start(directory);
    assert.equal(exitCode, 1);
    assert.ok(stderr.includes(`already runs in ${directory}`), stderr);
    assert.match(stderr, /--down.*KIAM_LAB_DIR/);
    assert.ok(isWhole(directory));
  });

  it("refuse one below the directory of one that runs, which would be removed with it", async () => {
    const { exitCode, stderr } = await start(join(lab(0).directory, "below"));
    assert.equal(exitCode, 1);
    assert.ok(stderr.includes(`already runs in ${lab(0).directory}`), stderr);
    assert.ok(isWhole(lab(0).directory));
  });

  it("are known by their directory, whatever link leads there", async () => {
    const { directory } = lab(0);
    const link = `${directory}-link`;
    await symlink(directory, link);
    const { exitCode, stderr } = await start(link);
    await rm(link);
    assert.equal(exitCode, 1);
    assert.ok(stderr.includes(`already runs in ${directory}`), stderr);
    assert.ok(isWhole(directory));
  });

  it("keep their files from one that does not know their lock", async () => {
    const { directory } = lab(0);
    await assert.rejects(claimDirectory(directory), /a lab's that runs.*sleeper \(process \d+\)/);
    assert.ok(isWhole(directory));
  });

  it("wait for what somebody else removes, instead of taking it for a lab that runs", async () => {
    const directory = await mkdtemp(join(tmpdir(), "lab-beside-"));
    await acquireLock(directory, { cleaning: true });
    assert.equal(findRunningLab(directory), undefined);
    let taken = false;
    const next = acquireLock(directory).then(() => (taken = true));
    await setTimeout(300);
    assert.equal(taken, false);
    releaseLock(directory);
    await next;
    releaseLock(directory);
    await rm(directory, { recursive: true });
  });

  it("of one whose program was killed nothing stays, whoever cleans up, and the other is untouched", async () => {
    const { directory, program } = lab(0);
    const { directory: other } = lab(1);
    program.kill("SIGKILL");
    await program;
    assert.equal(findRunningLab(directory), undefined);
    assert.ok(isWhole(directory), "its processes outlive it");
    assert.ok(await cleanLeftovers());
    assert.deepEqual(listMembers(directory), []);
    assert.ok(!hasGroups(directory));
    assert.ok(!existsSync(directory));
    assert.ok(isWhole(other));
    const known = knownLabs().map((each) => each.directory);
    assert.ok(known.includes(other) && !known.includes(directory));
  });

  it("stand while another directory's is taken down", async () => {
    const fresh = await mkdtemp(join(tmpdir(), "lab-beside-"));
    await stopCluster(fresh);
    await rm(fresh, { recursive: true, force: true });
    assert.ok(isWhole(lab(1).directory));
  });
});
