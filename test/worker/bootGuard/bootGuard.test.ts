/**
 * The boot guard on real iptables, by every shell: what it writes, and when it refuses to.
 *
 * Real: iptables, the kernel's tables, addresses, the shells. Not proven here: EC2's own metadata
 * service (an instrument answers as its documentation says), cloud-init, and systemd, which is to
 * run it before the kubelet.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";

import { bootGuardScript, bootGuardUserData } from "../../../worker/bootGuard/bootGuard.js";
import { credentialRuleSpec } from "../../../migration/rules/natRule.js";
import { findCommand, needsCommands, needsRoot } from "../../support/requirements.js";
import { podBehind, shells } from "../worker.js";

const address = "10.99.0.11";
const agent = { interface: "cni0", agentPort: 8881 };
const rule = credentialRuleSpec({ interface: "cni0", address, port: agent.agentPort });

/** A node that boots, and a pod behind its bridge. Each is a network namespace. */
class BootingNode {
  private readonly name = `t-guard-${process.pid}`;
  private metadata: ChildProcess | undefined;

  async build(): Promise<void> {
    const [node, pod] = [this.name, `${this.name}-p`];
    for (const namespace of [node, pod]) await execa("ip", ["netns", "add", namespace]);
    for (const command of [
      `-n ${node} link set lo up`,
      `-n ${node} addr add 169.254.169.254/32 dev lo`,
      `-n ${node} link add eth0 type veth peer name uplink`,
      `-n ${node} link set uplink up`,
      `-n ${node} addr add ${address}/24 dev eth0`,
      `-n ${node} link set eth0 up`,
      ...podBehind(node, pod),
    ]) {
      await execa("ip", command.split(" "));
    }
  }

  /** As a reboot leaves them: no rules, and the metadata service answering like this. */
  async boot(metadata: "required" | "optional" | "off", told = address): Promise<void> {
    await this.silence();
    for (const tables of ["iptables-nft", "iptables-legacy"]) {
      await this.run(tables, "-t", "nat", "-F", "PREROUTING");
    }
    const instrument = join(__dirname, "../instruments/metadata.mjs");
    const child = spawn("ip", [
      ...["netns", "exec", this.name, process.execPath, instrument, told, metadata],
    ]);
    this.metadata = child;
    await once(child.stdout, "data");
  }

  async guard(shell: readonly string[], script: string, env: Record<string, string> = {}) {
    const command = ["netns", "exec", this.name, ...shell, "-s"];
    return execa("ip", command, { input: script, reject: false, env });
  }

  async run(...command: string[]): Promise<string> {
    return (await execa("ip", ["netns", "exec", this.name, ...command])).stdout;
  }

  async rules(tables: "iptables-nft" | "iptables-legacy"): Promise<string[]> {
    const printed = await this.run(tables, "-t", "nat", "-S", "PREROUTING");
    return printed.split("\n").filter((line) => line.startsWith("-A"));
  }

  /** What a pod gets that asks for credentials; curl's exit code where it gets nothing. */
  async podGets(): Promise<string> {
    const command = ["netns", "exec", `${this.name}-p`, "curl", "-sS", "-m", "3", "--noproxy", "*"];
    const url = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    const { stdout, exitCode } = await execa("ip", [...command, url], { reject: false });
    return exitCode === 0 ? stdout : `exit code ${exitCode}`;
  }

  private async silence(): Promise<void> {
    const child = this.metadata;
    this.metadata = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async remove(): Promise<void> {
    await this.silence();
    for (const namespace of [this.name, `${this.name}-p`]) {
      await execa("ip", ["netns", "delete", namespace], { reject: false });
    }
  }
}

describe("boot guard", function () {
  const node = new BootingNode();
  before(async function () {
    needsRoot(this);
    needsCommands(this, ["ip", "iptables-nft", "iptables-legacy", "curl"]);
    needsCommands(this, ["dash", "bash", "busybox"]);
    await node.build();
  });
  after(() => node.remove());

  for (const shell of shells) {
    it(`writes kiam's rule into both sets of tables, once (${shell[0]})`, async () => {
      await node.boot("required");
      const first = await node.guard(shell, bootGuardScript(agent));
      assert.equal(first.exitCode, 0, first.stderr);
      assert.deepEqual(await node.rules("iptables-nft"), [rule]);
      assert.deepEqual(await node.rules("iptables-legacy"), [rule]);
      const second = await node.guard(shell, bootGuardScript(agent));
      assert.equal(second.exitCode, 0, second.stderr);
      assert.match(second.stderr, /is there already/);
      assert.deepEqual(await node.rules("iptables-nft"), [rule]);
      assert.deepEqual(await node.rules("iptables-legacy"), [rule]);
    });
  }

  it("turns the node's own role into a refused connection, until the agent listens", async () => {
    await node.boot("optional");
    assert.equal(await node.podGets(), "the node's own role");
    const { exitCode, stderr } = await node.guard(["dash"], bootGuardScript(agent));
    assert.equal(exitCode, 0, stderr);
    assert.equal(await node.podGets(), "exit code 7", "curl: connection refused");
  });

  it("is found by the agent, whose check and insertion are these words", async () => {
    await node.boot("required");
    await node.guard(["dash"], bootGuardScript(agent));
    // kiam cmd/kiam/iptables.go, in its order.
    const words = `-p tcp -d 169.254.169.254 --dport 80 -j DNAT --to-destination ${address}:8881 -i cni0`;
    for (const tables of ["iptables-nft", "iptables-legacy"]) {
      await node.run(tables, "-t", "nat", "-C", "PREROUTING", ...words.split(" "));
    }
  });

  // A stand-in answers as those versions do and hands the rest on.
  for (const [version, lock] of [
    ["1.4.21", "-w"],
    ["1.4.19", ""],
  ] as const) {
    it(`asks an old iptables to wait for the lock as that takes it (${version})`, async () => {
      await node.boot("required");
      const directory = mkdtempSync(join(tmpdir(), "t-guard-"));
      for (const tool of ["iptables-nft", "iptables-legacy"]) {
        const text = [
          "#!/bin/sh",
          `[ "$1" != -V ] || { echo 'iptables v${version}'; exit 0; }`,
          ...(lock === "-w" ? [`[ "$1" = -w ] || exit 2`, "shift"] : []),
          `case $1 in -w | [0-9]*) echo "Bad argument $1" >&2; exit 2 ;; esac`,
          `exec ${findCommand(tool)} "$@"`,
          "",
        ];
        writeFileSync(join(directory, tool), text.join("\n"), { mode: 0o755 });
      }
      try {
        const env = { PATH: `${directory}:${process.env.PATH}` };
        const { exitCode, stderr } = await node.guard(["dash"], bootGuardScript(agent), env);
        assert.equal(exitCode, 0, stderr);
        assert.deepEqual(await node.rules("iptables-nft"), [rule]);
        assert.deepEqual(await node.rules("iptables-legacy"), [rule]);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }

  it("takes an interface that is excluded, one that is a prefix, and every one", async () => {
    for (const each of ["!eth0", "cali+", "+"]) {
      await node.boot("required");
      await node.guard(["busybox", "sh"], bootGuardScript({ ...agent, interface: each }));
      const spec = credentialRuleSpec({ interface: each, address, port: agent.agentPort });
      assert.deepEqual(await node.rules("iptables-nft"), [spec]);
    }
  });

  it("asks the routing table where metadata does not tell", async () => {
    await node.boot("off");
    await node.run("ip", "addr", "del", "169.254.169.254/32", "dev", "lo");
    await node.run("ip", "route", "add", "default", "dev", "eth0");
    const { exitCode, stderr } = await node.guard(["dash"], bootGuardScript(agent));
    await node.run("ip", "route", "del", "default", "dev", "eth0");
    await node.run("ip", "addr", "add", "169.254.169.254/32", "dev", "lo");
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /asking the routing table/);
    assert.deepEqual(await node.rules("iptables-nft"), [rule]);
  });

  it("writes nothing, and fails, where the address that it was told is not the node's", async () => {
    await node.boot("required", "10.99.0.12");
    const { exitCode, stderr } = await node.guard(["dash"], bootGuardScript(agent));
    assert.equal(exitCode, 1);
    assert.match(stderr, /no address of this node is known: NO rule was written/);
    assert.deepEqual(await node.rules("iptables-nft"), []);
  });

  it("writes nothing, and fails, without the rule as its argument", async () => {
    await node.boot("required");
    const { exitCode, stderr } = await node.guard(
      ["dash"],
      bootGuardScript(agent).replace("HOST_IP:8881", "10.0.0.1:8881"),
    );
    assert.equal(exitCode, 1);
    assert.match(stderr, /with HOST_IP as its address/);
    assert.deepEqual(await node.rules("iptables-nft"), []);
  });

  it("comes in user data that shells parse, with a unit before the kubelet's", async () => {
    const text = bootGuardUserData(agent);
    for (const shell of shells) {
      const [program = "", ...rest] = shell;
      await execa(program, [...rest, "-n"], { input: text });
    }
    assert.ok(text.includes(bootGuardScript(agent)));
    assert.match(text, /^Before=kubelet\.service$/m);
    assert.match(text, /^RequiredBy=kubelet\.service$/m);
    assert.ok(text.length < 12_000, "EC2 takes 16 KB of user data, and others need some of it");
  });
});
