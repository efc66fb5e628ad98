import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { execa, type ResultPromise } from "execa";
import pWaitFor from "p-wait-for";

import type { AuditAnswer } from "../../automation/look/auditStack.js";
import { findRunningLab } from "../../lab/cluster/lock.js";
import { listMembers } from "../../lab/cluster/namespaces.js";
import { stopCluster } from "../../lab/cluster/stop.js";
import { CHECKOUT, labPaths, TYPESCRIPT } from "../../lab/paths.js";
import { shellPlaces } from "../../lab/shell/places.js";
import { tour } from "../../lab/shell/tour.js";
import { quote } from "../../worker/shellWords.js";
import { needsCommands, needsRoot, skipBecause } from "../support/requirements.js";

/*
 * `npm start -- --shell` on a terminal, as a person has it: from the boot to the prompt, commands as they
 * are typed, Ctrl-C, and the way out. Moves nothing: that the tour moves the cluster there and back is
 * seen where docs/tour.md is made.
 */

describe("npm start -- --shell", function () {
  this.timeout(300_000);
  let terminal: ResultPromise<{ reject: false; all: true; buffer: false }> | undefined;
  let seen = "";

  const { entrance } = shellPlaces(labPaths());

  async function appears(pattern: RegExp): Promise<void> {
    await Promise.race([
      pWaitFor(() => pattern.test(seen), { interval: 100 }),
      terminal?.then(() => assert.fail(`it ended, and ${pattern} did not appear:\n${seen}`)),
    ]);
  }

  const type = (keys: string) => terminal?.stdin?.write(keys);

  /** A command in a shell that another terminal opens, where output and status are its own. */
  async function elsewhere(command: string): Promise<string> {
    const { stdout, stderr, exitCode } = await execa(entrance, ["-c", command], { reject: false });
    assert.equal(exitCode, 0, `${command}\n${stdout}\n${stderr}`);
    return stdout;
  }

  before("boot, until there is a prompt", async function () {
    needsRoot(this);
    needsCommands(this, ["script"]);
    if (findRunningLab()) skipBecause(this, "needs the lab's directory, in which a lab runs");
    const words = [process.execPath, ...TYPESCRIPT, "lab/start.ts", "--shell", "--workers", "2"];
    const command = words.map(quote).join(" ");
    // It gives the command a terminal, and takes what is typed from a pipe.
    terminal = execa("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
      cwd: CHECKOUT,
      reject: false,
      all: true,
      buffer: false,
    });
    terminal.all.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    await appears(/\[lab\] \S+# /);
  });

  after("take down what is left", async () => {
    if (findRunningLab()) await stopCluster();
    terminal?.kill();
  });

  it("says that nothing has been moved, and lists the tour", () => {
    assert.match(seen, /Nothing has been moved/);
    const missing = tour.filter(({ command }) => !seen.includes(command));
    assert.deepEqual(missing, []);
  });

  it("reaches the API server and the workers by name", async () => {
    const nodes = await elsewhere("kubectl get nodes --output name");
    assert.deepEqual(nodes.split("\n"), ["node/master-1", "node/worker-1", "node/worker-2"]);
    assert.equal(await elsewhere("ssh worker-1 hostname"), "worker-1");
  });

  it("audits, and previews by pulumi, stack lab without another word", async () => {
    const { findings, pods } = JSON.parse(
      await elsewhere("kiam-migrate audit --json"),
    ) as AuditAnswer;
    assert.deepEqual(
      findings.filter(({ severity }) => severity === "blocks"),
      [],
    );
    assert.equal(pods.length, 4);
    const preview = await elsewhere("pulumi preview");
    assert.match(preview, /Previewing update \(lab\)/);
    assert.match(preview, /aws:iam:Role +iam-server +create/);
    assert.doesNotMatch(preview, /warning: using pulumi-/);
  });

  it("has every command of the tour", async () => {
    const words = tour.map(({ command }) => command.split(" "));
    const own = words.filter(([program = ""]) => ["pulumi", "kubectl"].includes(program));
    for (const [program, subcommand] of own) await elsewhere(`${program} ${subcommand} --help`);
    const others = words.map(([program]) => program).filter((each) => each !== undefined);
    await elsewhere(`type ${[...new Set(others)].join(" ")}`);
    assert.match(await elsewhere("tour"), /kiam-migrate status/);
    assert.match(await elsewhere("requests"), /failed +│ 0 /);
  });

  it("goes on when Ctrl-C ends a command in it", async () => {
    type("echo be''gun; sleep 600\n");
    await appears(/begun/);
    await sleep(300);
    type("\x03");
    type("echo still $((40 + 2))\n");
    await appears(/still 42/);
    assert.ok(findRunningLab() !== undefined);
  });

  it("takes the cluster down when it is left, and says what the applications were answered", async () => {
    type("exit\n");
    const result = await terminal;
    assert.equal(result?.exitCode, 0, seen);
    const end = seen.slice(seen.lastIndexOf("While the shell was open"));
    const [, requests] = /credential requests +│ (\d+)/.exec(end) ?? [];
    assert.ok(Number(requests) > 100, end);
    assert.match(end, /failed +│ 0 [^]*wrong identity +│ 0 /);
    assert.equal(findRunningLab(), undefined);
    assert.deepEqual(listMembers(), []);
  });
});
