/**
 * The load client itself: its own Go tests, and the built program against the lab's AWS.
 * Skipped without a Go toolchain; the second part also without a Python that has moto.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { silentProgress } from "../../automation/progress.js";
import { buildClient } from "../../lab/parts/client.js";
import { cacheDirectory } from "../../lab/paths.js";
import { readRecords } from "../../lab/workload/records.js";
import { nodeRoles, seedRoles } from "../../lab/workload/roles.js";
import { summarise } from "../../lab/workload/summary.js";
import { waitForAnswers } from "../../lab/workload/applications.js";
import { labPython, startAws } from "./awsServer.js";
import { needsCommands, skipBecause } from "../support/requirements.js";

const run = promisify(execFile);
const source = path.join(__dirname, "../../lab/client");
const environment = { ...process.env, CGO_ENABLED: "0" };

describe("the load client", function () {
  this.timeout(120_000);
  let directory: string;

  before(async function () {
    needsCommands(this, ["go"]);
    directory = await mkdtemp(path.join(os.tmpdir(), "client-"));
  });
  after(async () => {
    if (directory) await rm(directory, { recursive: true });
  });

  it("passes its own tests", async () => {
    // As the program is built: packages that both need are compiled once.
    await run("go", ["test", "-trimpath", "./..."], { cwd: source, env: environment });
  });

  it("records who it is, ends cleanly, and tells the node's own role apart", async function () {
    const found = labPython();
    if ("missing" in found) return skipBecause(this, found.missing);
    const client = await buildClient({ cache: cacheDirectory(), progress: silentProgress });
    const aws = await startAws(found.python, {
      "127.0.0.1": { name: "worker-1", role: nodeRoles.workers },
    });
    try {
      await seedRoles(aws.iam(aws.admin));
      const clients = [
        ["right", nodeRoles.workers],
        ["wrong", "app-orders"],
      ].map(([pod = "", role = ""]) =>
        spawn(
          client,
          [
            "--mode=keepalive",
            "--interval=20ms",
            `--expect-role=${role}`,
            `--record=${path.join(directory, pod)}.jsonl`,
            `--metadata=http://${aws.at.metadata}`,
            `--sts=http://${aws.at.plain}`,
          ],
          { env: { ...environment, POD_NAME: pod }, stdio: "inherit" },
        ),
      );
      const ended = clients.map(
        (one) => new Promise((resolve) => one.once("exit", (status) => resolve(status))),
      );
      await waitForAnswers(() => readRecords(directory), 1, 5000);
      await sleep(500);
      clients.forEach((one) => one.kill("SIGTERM"));
      assert.deepEqual(await Promise.all(ended), [0, 0]);
    } finally {
      await aws.stop();
    }
    const records = [];
    for await (const one of readRecords(directory)) records.push(one);
    const summary = await summarise(records);
    assert.equal(summary.clients, 2);
    assert.equal(summary.failed, 0);
    assert.equal(summary.unverified, 0);
    assert.ok(summary.wrong >= 5, `${summary.wrong} wrong`);
    assert.equal(summary.nodeOwnRole, summary.wrong);
    assert.equal(records.filter((one) => one.kind === "end").length, 2);
    assert.match(records[0]?.identity ?? "", /assumed-role\/nodes\.lab\.k8s\.local\/i-0/);
  });
});
