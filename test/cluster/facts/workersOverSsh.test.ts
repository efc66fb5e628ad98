/**
 * The look at a worker over a real sshd, by our own SSH client.
 *
 * Real: sshd, sudo, both sets of nat tables, in namespaces of their own. Not proven here: many
 * workers at a time, agents that hold keys.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { SettingsInput } from "../../../migration/settings/schema.js";
import type { WorkerLook } from "../../../migration/facts/workerLook.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { lookOverSsh } from "../../../cluster/facts/workersOverSsh.js";
import {
  exampleFacts,
  exampleMaster,
  exampleNode,
  exampleSettings,
} from "../../support/exampleCluster.js";
import { findCommand } from "../../support/requirements.js";
import type { Instrument } from "../../worker/instrument.js";
import { kiamRule, kube2iamRule, rule, TestWorker, worker } from "../../worker/worker.js";
import { passPhrase, WorkerSshd } from "../../worker/workerSshd.js";

describe("look at workers over SSH", () => {
  const commands = ["sshd", "ssh-keygen", "sudo", "ss", "bash", "timeout"];
  const node = TestWorker.forSuite("look", ...commands);
  let sshd: WorkerSshd;
  let looker: Instrument;
  before(async () => {
    sshd = await WorkerSshd.start(node);
    const program = require.resolve("./lookOverSsh.ts");
    looker = node.startOnWorker(process.execPath, "--import", require.resolve("tsx"), program);
    await node.reset({ nft: [kube2iamRule], legacy: [kiamRule] });
  });

  interface Change {
    ssh?: Partial<SettingsInput["ssh"]>;
    kiam?: Partial<SettingsInput["kiam"]>;
    /** Internal IP that the worker is said to have. */
    hostIp?: string;
  }

  async function look({ ssh, kiam, hostIp = worker.hostIp }: Change = {}): Promise<WorkerLook> {
    const settings = exampleSettings({
      stage: "server",
      kiam: { region: "eu-west-1", agentPort: worker.kiamPort, ...kiam },
      ssh: {
        port: sshd.port,
        privateKey: sshd.privateKey(),
        hostKeys: { "worker-1": sshd.hostKey },
        dialErrorLimit: 1,
        ...ssh,
      },
      workers: { list: [{ name: "worker-1", address: worker.hostIp }] },
    });
    const facts = exampleFacts({
      nodes: [
        exampleNode("worker-1", hostIp),
        exampleMaster("master-1", worker.hostIp),
        exampleMaster("master-2", "203.0.113.1"),
      ],
    });
    const looks = JSON.parse(await looker.say(JSON.stringify({ settings, facts }))) as Record<
      string,
      WorkerLook
    >;
    assert.deepEqual(Object.keys(looks), ["worker-1"]);
    return looks["worker-1"] as WorkerLook;
  }

  async function failure(change: Change): Promise<[failed: string, message: string]> {
    const seen = await look(change);
    assert.ok("failed" in seen, JSON.stringify(seen));
    return [seen.failed, seen.message];
  }

  async function success(change: Change = {}) {
    const seen = await look(change);
    if ("failed" in seen) assert.fail(`${seen.failed}: ${seen.message}`);
    return seen;
  }

  it("sees interfaces, listeners and both sets of rules, and changes nothing", async () => {
    const seen = await success();
    assert.deepEqual([...seen.interfaces].sort(), ["cni0", "lo"]);
    assert.deepEqual(
      seen.listening.find(({ port }) => port === sshd.port),
      { port: sshd.port, program: "sshd" },
    );
    assert.ok(seen.listening.some(({ port }) => port === worker.kube2iamPort));
    assert.deepEqual(seen.natRules, [
      { backend: "nft", rules: [kube2iamRule] },
      { backend: "legacy", rules: [kiamRule] },
    ]);
    assert.equal(seen.inForce, "unknown");
    assert.deepEqual(seen.kube2iamRules, [{ backend: "nft", spec: kube2iamRule }]);
    assert.deepEqual(seen.serversBlocked, []);
    assert.deepEqual(await node.rules("nft"), [kube2iamRule]);
    assert.deepEqual(await node.rules("legacy"), [kiamRule]);
  });

  it("tells servers that do not answer from those that refuse", async () => {
    const seen = await success({ kiam: { serverHostNetwork: true, serverPort: 9 } });
    assert.deepEqual(seen.serversBlocked, ["master-2"]);
  });

  it("goes through a bastion, and uses a key with a pass phrase", async () => {
    const locked = { privateKey: sshd.privateKey("locked"), privateKeyPassword: passPhrase };
    const bastion = { host: worker.hostIp, port: sshd.port, hostKey: sshd.hostKey };
    assert.equal((await success({ ssh: { ...locked, bastion } })).inForce, "unknown");

    const [failed, message] = await failure({ ssh: { bastion: { ...bastion, port: 2223 } } });
    assert.equal(failed, "connect");
    assert.match(message, /bastion/);
  });

  it("accepts an unknown host only where it may, and an RSA key as servers sign with it now", async () => {
    await success({ ssh: { hostKeys: {}, acceptUnknownHosts: true } });
    await success({ ssh: { hostKeys: { "worker-1": sshd.rsaHostKey } } });
  });

  it("does not log in to a host with another key", async () => {
    const other =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5Zt5KqPq5bH5VJ3J6qk0V2yEr0a5X0aYk9h2l1vN0B";
    const [failed, message] = await failure({ ssh: { hostKeys: { "worker-1": other } } });
    assert.equal(failed, "host-key");
    assert.match(message, /presents the host key SHA256:\S+, not SHA256:/);
    const rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC7";
    assert.equal((await failure({ ssh: { hostKeys: { "worker-1": rsa } } }))[0], "host-key");
  });

  it("asks the operator's program for a host key that the settings lack", async () => {
    const asking = (...hostKeyCommand: [string, ...string[]]) => ({
      ssh: { hostKeys: {}, hostKeyCommand },
    });
    const told = node.tool(
      "host-key",
      `[ "$NODE_NAME $ADDRESS" = 'worker-1 ${worker.hostIp}' ] && echo '${sshd.hostKey}'`,
    );
    await success(asking(told));
    const other = `echo ${sshd.hostKey.replace(/AAAA\S+/, "AAAAC3NzaC1lZDI1NTE5AAAAIJ5Zt5KqPq5bH5VJ3J6qk0V2yEr0a5X0aYk9h2l1vN0B")}`;
    assert.equal((await failure(asking("sh", "-c", other)))[0], "host-key");
    const [failed, message] = await failure(asking("sh", "-c", "echo denied >&2; exit 254"));
    assert.equal(failed, "host-key-command");
    assert.match(message, /^ssh\.hostKeyCommand, sh, ended with status 254; it said: denied$/);
  });

  it("says whether connection, login or sudo was refused", async () => {
    const [connect, message] = await failure({ ssh: { port: 2223 } });
    assert.equal(connect, "connect");
    assert.match(message, /ECONNREFUSED/);
    assert.equal((await failure({ ssh: { user: "stranger" } }))[0], "login");
    const [sudo, words] = await failure({ ssh: { user: "guest" } });
    assert.equal(sudo, "sudo");
    assert.match(words, /sudo/);
    assert.equal((await failure({ ssh: { sudo: false } }))[0], "sudo");
  });

  it("notices another machine than the one meant", async () => {
    const [failed, message] = await failure({ hostIp: "10.99.0.12" });
    assert.equal(failed, "wrong-node");
    assert.match(message, /10\.99\.0\.12 is not an address of this machine/);
  });

  it("names a rule that comes before kube2iam's or kiam's, and one that iptables cannot read", async () => {
    const rival = rule(8282);
    try {
      await node.reset({ nft: [rival, kube2iamRule] });
      const seen = await success();
      assert.equal(seen.inForce, "unknown");
      assert.match(seen.unclear ?? "", /somebody else's rule .*:8282\. .*run again/);

      const real = await node.run("readlink", "-f", findCommand("iptables-nft") ?? "");
      await node.run("cp", real, `${node.directory}/xtables-nft-multi`);
      const older = node.tool(
        "iptables-nft",
        `${node.directory}/xtables-nft-multi iptables "$@" | sed 's/DNAT --to.*:8181$/DNAT [unsupported revision]/'`,
      );
      await node.instead(["iptables-nft"], older, async () => {
        const [failed, message] = await failure({});
        assert.equal(failed, "iptables");
        assert.match(message, /iptables here cannot read .*DNAT \[unsupported revision\]/);
      });
    } finally {
      await node.reset({ nft: [kube2iamRule], legacy: [kiamRule] });
    }
  });

  it("says so where iptables does not work", async () => {
    const broken = node.tool("iptables-nft", "echo broken >&2", "exit 1");
    await node.instead(["iptables-nft"], broken, async () => {
      const [failed, message] = await failure({});
      assert.equal(failed, "iptables");
      assert.match(message, /broken/);
    });
  });
});

describe("look at workers over SSH, before it looks", () => {
  const looking = (change: Partial<SettingsInput>) =>
    lookOverSsh(parseSettings(exampleSettings({ stage: "server", ...change })), exampleFacts());

  it("wants something to log in with, and a key that can be used", async () => {
    await assert.rejects(looking({ ssh: {} }), /ssh\.privateKey .* or ssh\.agentSocketPath/);
    await assert.rejects(looking({ ssh: { privateKey: "x" } }), /^Error: ssh\.privateKey: /);
  });

  it("asks five programs at a time, and one that fails is that worker's alone", async () => {
    const directory = mkdtempSync(join(tmpdir(), "asking-"));
    try {
      const counting = [
        `cd ${directory}; touch $NODE_NAME.on; ls *.on | wc -l >>most; sleep 0.2; rm $NODE_NAME.on`,
        `[ $NODE_NAME = worker-7 ] && exit 7; echo ssh-ed25519 AAAA`,
      ];
      const settings = exampleSettings({
        stage: "server",
        ssh: {
          privateKey: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
            type: "pkcs1",
            format: "pem",
          }) as string,
          port: 1,
          dialErrorLimit: 1,
          hostKeyCommand: ["sh", "-c", counting.join("\n")],
        },
      });
      const nodes = Array.from({ length: 12 }, (_, index) =>
        exampleNode(`worker-${index}`, "127.0.0.1"),
      );
      const looks = await lookOverSsh(parseSettings(settings), exampleFacts({ nodes }));
      const failed = Object.entries(looks).map(([name, look]) => [
        name,
        "failed" in look && look.failed,
      ]);
      assert.deepEqual(
        Object.fromEntries(failed),
        Object.fromEntries(
          nodes.map(({ name }) => [name, name === "worker-7" ? "host-key-command" : "connect"]),
        ),
      );
      const atOnce = readFileSync(join(directory, "most"), "utf8").trim().split("\n").map(Number);
      assert.equal(Math.max(...atOnce), 5);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("leaves out workers whose host key is not known, and all where the ports clash", async () => {
    const ssh = { agentSocketPath: "/nowhere" };
    assert.deepEqual(await looking({ ssh }), {});
    const hostKeys = exampleSettings().ssh?.hostKeys;
    const kiam = { region: "eu-west-1", agentPort: 8181 };
    assert.deepEqual(await looking({ kiam, ssh: { ...ssh, hostKeys } }), {});
  });
});
