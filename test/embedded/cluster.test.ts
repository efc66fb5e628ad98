import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import pWaitFor from "p-wait-for";
import { bootId } from "../../lab/cluster/machine.js";
import type { Cluster } from "../../lab/cluster/cluster.js";
import { findRunningLab } from "../../lab/cluster/lock.js";
import { listMembers, runIn } from "../../lab/cluster/namespaces.js";
import { cleanLeftovers, stopCluster } from "../../lab/cluster/stop.js";
import { type ClusterOptions, startCluster } from "../../lab/cluster/start.js";
import { METADATA_ADDRESS, OPERATOR, SSH_USER, VPC } from "../../lab/cluster/topology.js";
import { buildImages } from "../../lab/images/images.js";
import { IMAGE_TAGS } from "../../lab/images/tags.js";
import { resolveParts } from "../../lab/parts/resolve.js";
import { labDirectory, labName } from "../../lab/paths.js";
import { silentProgress } from "../../automation/progress.js";
import { needsRoot, skipBecause } from "../support/requirements.js";

/*
 * The embedded cluster for real: what kube2iam, kiam and an operator with ssh meet on a node, a
 * node that reboots, and that nothing is left on the machine, also after kill -9. Does not prove
 * anything about AWS or the migration.
 */

describe("embedded cluster, running", function () {
  this.timeout(120_000);
  let options: ClusterOptions;
  let cluster: Cluster;

  before("boot", async function () {
    needsRoot(this);
    if (findRunningLab()) skipBecause(this, "needs the lab's directory, in which a lab runs");
    const parts = await resolveParts({}, silentProgress);
    const images = await buildImages(parts, silentProgress);
    options = { workers: 2, parts, images, progress: silentProgress };
    cluster = await startCluster(options);
    await cluster.apply([daemonSet("pods", false), daemonSet("host", true)]);
    await cluster.kubectl(["rollout", "status", "daemonset/pods", "--timeout=60s"]);
    await cluster.kubectl(["rollout", "status", "daemonset/host", "--timeout=60s"]);
  });

  after("take down", async () => {
    if (options) await stopCluster();
  });

  it("keeps a second one from starting", async () => {
    await assert.rejects(startCluster(options), /already runs in .*--down/);
  });

  it("shows a node the pod's own address, and AWS the node's", async () => {
    const pod = await podOn("worker-1");
    assert.equal(
      await callerSeen("worker-1", "10.99.0.11", 8881, () => connect(pod, "10.99.0.11", 8881)),
      await cluster.kubectl(["get", "pod", pod, "-o", "jsonpath={.status.podIP}"]),
    );
    assert.equal(
      await callerSeen(VPC, METADATA_ADDRESS, 80, () => connect(pod, METADATA_ADDRESS, 80)),
      "10.99.0.11",
    );
  });

  it("resolves the cluster's and AWS's names, and says no to others at once", async () => {
    const pod = await podOn("worker-2");
    const resolve = (name: string) =>
      exec(pod, `nslookup ${name} || true`).then((text) => text.split("Name:")[1] ?? text);
    assert.match(await resolve("sts.us-east-1.amazonaws.com"), /10\.99\.0\.254/);
    assert.match(await resolve("kubernetes.default.svc.cluster.local"), /10\.96\.0\.1/);
    const began = Date.now();
    assert.match(await resolve("example.com"), /NXDOMAIN/);
    assert.ok(Date.now() - began < 5_000);
    const { stdout } = await runIn("worker-2", "getent", ["hosts", "iam.amazonaws.com"]);
    assert.match(stdout, /10\.99\.0\.254/);
  });

  it("lets the operator in by ssh with a pinned key, and root not", async () => {
    const ssh = (user: string, command: string) =>
      runIn(
        OPERATOR,
        "ssh",
        ["-F", "none", "-i", cluster.paths.ssh.key, "-o", "BatchMode=yes"].concat(
          ["-o", `UserKnownHostsFile=${cluster.paths.ssh.knownHosts}`],
          ["-o", "StrictHostKeyChecking=yes", `${user}@10.99.0.11`, command],
        ),
        { reject: false },
      );
    const rules = await ssh(SSH_USER, "hostname && sudo -n iptables -w -t nat -S");
    assert.match(rules.stdout, /^worker-1\n/);
    assert.match(rules.stdout, /KUBE-SERVICES/);
    assert.match((await ssh("root", "true")).stderr, /Permission denied \(publickey\)/);
  });

  it("gives host-network pods the node's nat table and certificates, and none of the machine's", async () => {
    const pod = await podOn("worker-1", "host");
    await runIn("worker-1", "iptables", ["-t", "nat", "-N", "SEEN-FROM-A-POD"]);
    const seen = await cluster.kubectl(["exec", pod, "--", "ls", "/ssl/lab-aws-ca.crt"]);
    assert.equal(seen, "/ssl/lab-aws-ca.crt");
    const inPod = await cluster.kubectl(["exec", pod, "--", "iptables", "-t", "nat", "-S"]);
    assert.match(inPod, /SEEN-FROM-A-POD/);
    const others = await runIn("worker-2", "iptables", ["-t", "nat", "-S"]);
    assert.doesNotMatch(others.stdout, /SEEN-FROM-A-POD/);
    assert.ok(!existsSync("/etc/ssl/certs/lab-aws-ca.crt"));
    assert.doesNotMatch(readFileSync("/etc/passwd", "utf8"), /\/run\/home\/ubuntu/);
    assert.equal(await cluster.kubectl(["logs", pod]), "started");
  });

  it("reboots a worker: new boot id, empty nat table, pods again", async () => {
    const worker = cluster.node("worker-2");
    const former = bootId(cluster.paths, worker);
    await runIn(worker.name, "iptables", ["-t", "nat", "-N", "BEFORE-THE-REBOOT"]);
    // As after a fault in which it could not be reached.
    for (const name of ["STOP", "CONT"]) await runIn(worker.name, "pkill", [`-${name}`, "kubelet"]);
    await cluster.stopNode(worker.name);
    await cluster.startNode(worker.name);
    await cluster.waitReady();
    const path = "jsonpath={.status.nodeInfo.bootID}";
    const reported = await cluster.kubectl(["get", "node", worker.name, "-o", path]);
    assert.notEqual(reported, former);
    const { stdout } = await runIn(worker.name, "iptables", ["-t", "nat", "-S"]);
    assert.doesNotMatch(stdout, /BEFORE-THE-REBOOT/);
    const pod = await podOn(worker.name);
    await pWaitFor(async () => (await exec(pod, "echo back").catch(() => "")) === "back", {
      interval: 500,
      timeout: 30_000,
    });
  });

  it("takes in a worker and lets it go again", async () => {
    const added = await cluster.addNode();
    assert.equal(added.name, "worker-3");
    await cluster.kubectl(["rollout", "status", "daemonset/pods", "--timeout=60s"]);
    assert.match(readFileSync(cluster.paths.awsNodes, "utf8"), /10\.99\.0\.13/);
    await cluster.removeNode(added.name);
    assert.doesNotMatch(await cluster.kubectl(["get", "nodes"]), /worker-3/);
    assert.doesNotMatch(readFileSync(cluster.paths.awsNodes, "utf8"), /10\.99\.0\.13/);
  });

  it("says at once which daemon died, with the end of its log", async () => {
    const scheduler = await runIn("master-1", "pidof", ["kube-scheduler"]);
    const died = assert.rejects(
      cluster.guard(sleep(30_000, undefined, { ref: false })),
      /kube-scheduler ended by itself.*\n.*kube-scheduler\.log/,
    );
    await runIn("master-1", "kill", ["-9", scheduler.stdout]);
    await died;
  });

  it("leaves nothing on the machine", async () => {
    await cluster.stop();
    assert.deepEqual(remains(), []);
  });

  it("cleans up after a start that was killed", async () => {
    const program = `require("tsx/cjs"); void require("./lab/cluster/start.ts").startCluster(${JSON.stringify(
      { workers: 1, parts: options.parts, images: options.images },
    )}).catch(() => {})`;
    const withProgress = program.replace(
      /\}\)\.catch/,
      ', progress: require("./automation/progress.ts").silentProgress}).catch',
    );
    const start = execa(process.execPath, ["-e", withProgress], { reject: false });
    await pWaitFor(() => listMembers().includes("master-1"), { timeout: 20_000 });
    await sleep(500);
    start.kill("SIGKILL");
    await start;
    assert.ok(await cleanLeftovers());
    assert.deepEqual(remains(), []);
  });

  async function podOn(node: string, app = "pods"): Promise<string> {
    return cluster.kubectl([
      ...["get", "pods", "--selector", `app=${app}`, "--field-selector", `spec.nodeName=${node}`],
      ...["-o", "jsonpath={.items[0].metadata.name}"],
    ]);
  }

  function exec(pod: string, script: string): Promise<string> {
    return cluster.kubectl(["exec", pod, "--", "/bin/sh", "-c", script]);
  }

  function connect(pod: string, address: string, port: number): Promise<string> {
    return exec(pod, `echo | nc -w 2 ${address} ${port} || true`);
  }
});

/** Listens once in a namespace and returns the address that the connection comes from. */
async function callerSeen(
  namespace: string,
  address: string,
  port: number,
  connect: () => Promise<unknown>,
): Promise<string> {
  const program = `const s = require("net").createServer((c) => { console.log(c.remoteAddress); c.destroy(); s.close(); });
    s.listen(${port}, "${address}", () => console.log("listening"));`;
  const server = runIn(namespace, process.execPath, ["-e", program], {
    timeout: 10_000,
    all: true,
  });
  for await (const line of server) {
    if (line !== "listening") return line;
    await connect();
  }
  throw new Error(`nobody connected to ${address}:${port}`);
}

function daemonSet(name: string, hostNetwork: boolean): object {
  const container = {
    name,
    // It has a shell, and iptables.
    image: IMAGE_TAGS.kiam,
    command: ["/bin/sh", "-c", "echo started; exec sleep 3600"],
    securityContext: hostNetwork ? { capabilities: { add: ["NET_ADMIN"] } } : {},
    volumeMounts: hostNetwork ? [{ name: "ssl", mountPath: "/ssl", readOnly: true }] : [],
  };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace: "default" },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          hostNetwork,
          terminationGracePeriodSeconds: 0,
          containers: [container],
          volumes: hostNetwork ? [{ name: "ssl", hostPath: { path: "/etc/ssl/certs" } }] : [],
        },
      },
    },
  };
}

/** What a lab could have left: empty when nothing did. */
function remains(): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const groups = existsSync("/sys/fs/cgroup") ? readdirSync("/sys/fs/cgroup") : [];
  return [
    ...listMembers(),
    ...(existsSync(labDirectory()) ? [labDirectory()] : []),
    ...mounts.filter((line) => line.includes(labDirectory()) || line.includes(labName())),
    ...["", ...groups]
      .map((group) => join("/sys/fs/cgroup", group, labName()))
      .filter((group) => existsSync(group)),
    ...readdirSync("/proc")
      .filter((pid) => /^\d+$/.test(pid))
      .filter((pid) => commandLineOf(pid).includes(labDirectory())),
  ];
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
