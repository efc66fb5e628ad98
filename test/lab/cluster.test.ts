import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import pWaitFor from "p-wait-for";
import { claimDirectory } from "../../lab/cluster/cleanup.js";
import { nodeManifest } from "../../lab/cluster/node.js";
import { sshdConfig } from "../../lab/cluster/node-config.js";
import { createPki, issueKubelet } from "../../lab/cluster/pki.js";
import {
  commandLine,
  identify,
  isAlive,
  killUntilGone,
  listProcesses,
  withDescendants,
} from "../../lab/cluster/processes.js";
import { AWS_NAMES, MAX_WORKERS, masterNode, workerNode } from "../../lab/cluster/topology.js";
import { cacheDirectory, labDirectory, labName, labPaths } from "../../lab/paths.js";
import { skipBecause } from "../support/requirements.js";

/*
 * What the embedded cluster is made of, without starting one: addresses, certificates,
 * bookkeeping of processes, the guard around its directory. That it works together is for
 * clusterLive.test.ts.
 */

describe("embedded cluster", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "lab-cluster-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  describe("addresses", () => {
    it("gives every one of 50 workers and the master an address and a pod range of its own", () => {
      const all = [
        masterNode(),
        ...Array.from({ length: MAX_WORKERS }, (_, i) => workerNode(i + 1)),
      ];
      assert.equal(new Set(all.map((node) => node.address)).size, 51);
      assert.equal(new Set(all.map((node) => node.podCidr)).size, 51);
      assert.deepEqual(workerNode(3), {
        name: "worker-3",
        role: "worker",
        index: 3,
        address: "10.99.0.13",
        podCidr: "10.244.3.0/24",
      });
    });

    it("refuses a worker it has no address for", () => {
      for (const index of [0, 51, 1.5]) assert.throws(() => workerNode(index), /room for workers/);
    });
  });

  describe("nodes", () => {
    it("register with what they are given, beside what every node of their kind has", () => {
      const taint = { key: "late", value: "true", effect: "NoSchedule" };
      const { metadata, spec } = nodeManifest(workerNode(1), {
        labels: { own: "yes" },
        taints: [taint],
      }) as { metadata: { labels: object }; spec: { taints?: object[] } };
      assert.deepEqual(spec.taints, [taint]);
      assert.deepEqual(metadata.labels, {
        "kubernetes.io/hostname": "worker-1",
        "kops.k8s.io/instancegroup": "nodes",
        "node-role.kubernetes.io/node": "",
        own: "yes",
      });
      const plain = nodeManifest(workerNode(1)) as { spec: { taints?: object[] } };
      assert.equal(plain.spec.taints, undefined);
    });
  });

  describe("certificates", () => {
    const read = (name: string) => readFile(join(labPaths(directory).pki, name));

    it("are issued by the cluster's authority, each with its own key", async () => {
      await createPki(labPaths(directory));
      const ca = new X509Certificate(await read("ca.crt"));
      for (const name of ["apiserver", "admin", "proxy", "controller-manager", "scheduler"]) {
        const certificate = new X509Certificate(await read(`${name}.crt`));
        assert.ok(certificate.checkIssued(ca) && certificate.verify(ca.publicKey), name);
        assert.ok(certificate.checkPrivateKey(createPrivateKey(await read(`${name}.key`))), name);
      }
      const apiserver = new X509Certificate(await read("apiserver.crt"));
      assert.equal(apiserver.checkIP("10.99.0.10"), "10.99.0.10");
      assert.equal(apiserver.checkIP("10.96.0.1"), "10.96.0.1");
    });

    it("of AWS answer to its names, by an authority that the cluster's is not", async () => {
      const paths = labPaths(directory);
      await createPki(paths);
      const server = new X509Certificate(await readFile(paths.awsServer.certificate));
      const ca = new X509Certificate(await readFile(paths.awsCa.certificate));
      assert.ok(server.verify(ca.publicKey));
      for (const name of AWS_NAMES) assert.equal(server.checkHost(name), name);
      assert.notEqual((await read("ca.crt")).toString(), (await read("aws-ca.crt")).toString());
    });

    it("of a kubelet name its node, so that RBAC and NodeRestriction know it", async () => {
      await createPki(labPaths(directory));
      const pair = await issueKubelet(labPaths(directory), workerNode(2));
      const kubelet = new X509Certificate(pair.certificate);
      assert.match(kubelet.subject, /O=system:nodes/);
      assert.match(kubelet.subject, /CN=system:node:worker-2/);
      assert.equal(kubelet.checkIP("10.99.0.12"), "10.99.0.12");
    });
  });

  describe("processes", () => {
    it("are recognised by their start time, and gone with their descendants", async function () {
      if (process.platform !== "linux") skipBecause(this, "needs Linux (/proc)");
      const parent = execa("sh", ["-c", "sleep 60 & sleep 60 & wait"], { reject: false });
      const identity = identify(parent.pid as number);
      assert.ok(isAlive(identity));
      assert.ok(!isAlive({ ...identity, startTime: "1" }), "a later process with the same id");
      await killUntilGone((all) => withDescendants(new Set([identity.pid]), all));
      assert.ok(!isAlive(identity));
      await parent;
    });

    it("are gone with what they start while they are killed", async function () {
      if (process.platform !== "linux") skipBecause(this, "needs Linux (/proc)");
      // Only these sleep for so long; the number of this process keeps other runs apart.
      const nap = `60.${process.pid}`;
      const sleepers = () =>
        listProcesses().filter((each) => commandLine(each.pid) === `sleep ${nap}`);
      for (let round = 0; round < 5; round++) {
        const parent = execa(
          "sh",
          ["-c", `i=0; while [ $i -lt 200 ]; do sleep ${nap} & i=$((i+1)); done; wait`],
          { reject: false, stdio: "ignore" },
        );
        const pid = parent.pid as number;
        await pWaitFor(() => sleepers().length > 0, { interval: 1, timeout: 10_000 });
        await killUntilGone((all) => withDescendants(new Set([pid]), all));
        await parent;
        const left = sleepers();
        for (const each of left) process.kill(each.pid, "SIGKILL");
        assert.equal(left.length, 0, `children that outlived their parent, round ${round}`);
      }
    });

    it("never include the one that cleans up", async function () {
      if (process.platform !== "linux") skipBecause(this, "needs Linux (/proc)");
      await killUntilGone((all) => all.filter((each) => each.pid === process.pid));
    });
  });

  describe("directory", () => {
    it("is refused when it holds something that is not a lab's", async () => {
      await writeFile(join(directory, "thesis.txt"), "");
      await assert.rejects(
        claimDirectory(directory),
        /no lab's: it holds thesis\.txt.*KIAM_LAB_DIR/,
      );
    });

    it("loses what a lab left in it when the machine was switched off", async () => {
      await claimDirectory(directory);
      await writeFile(labPaths(directory).kubeconfig, "old");
      await claimDirectory(directory);
      assert.ok(!existsSync(labPaths(directory).kubeconfig));
    });

    it("gives the lab its name on the machine", () => {
      assert.equal(labName("/x"), labName("/x"));
      assert.notEqual(labName("/x"), labName("/y"));
      assert.match(labName(directory), /^kiamlab-[0-9a-f]{8}$/);
    });

    it("is where the environment says, else one of this checkout alone", () => {
      assert.match(labDirectory({}), /^\/var\/lib\/kube2iam-to-kiam-lab-[0-9a-f]{8}$/);
      assert.equal(labDirectory({ KIAM_LAB_DIR: "/x/" }), "/x");
      assert.equal(cacheDirectory({ XDG_CACHE_HOME: "/c" }), "/c/kube2iam-to-kiam");
      assert.equal(cacheDirectory({ KIAM_LAB_CACHE: "/k" }), "/k");
    });
  });

  it("lets nobody in over ssh but by key, and never root", () => {
    const config = sshdConfig(workerNode(1)).split("\n");
    for (const line of ["PasswordAuthentication no", "PermitRootLogin no", "AllowUsers ubuntu"]) {
      assert.ok(config.includes(line), line);
    }
    assert.ok(!config.some((line) => line.startsWith("AcceptEnv")));
  });
});
