/**
 * A real kube-apiserver with a real etcd on loopback. There are no nodes, and no controllers but the
 * two that finish deletions (namespaces, garbage collection) and those that a test asks for. Its
 * administrator is known by `test-token`; by `user-token` a user who has no rights but those that a
 * test gives.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Health, KubeConfig, KubernetesObjectApi } from "@kubernetes/client-node";
import type { Context } from "mocha";
import pRetry, { AbortError } from "p-retry";

import { groupOf } from "../../migration/rights/kubernetesManifests.js";
import type { Purpose } from "../../migration/rights/kubernetesRights.js";
import { freePort } from "../support/freePort.js";
import { skipBecause } from "../support/requirements.js";
import { patience } from "./limit.js";

export interface ApiServer {
  /** Of a user who may do everything. */
  kubeconfig: string;
  /** Of users who are in the groups of rights/kubernetes: looker, mover. No file was applied. */
  kubeconfigOf: Record<Purpose, string>;
  config: KubeConfig;
  objects: KubernetesObjectApi;
  stop(): Promise<void>;
}

export interface Binaries {
  etcd: string;
  apiserver: string;
  controllerManager: string;
}

/** Paths of etcd and the control plane's programs, or undefined where one of them is missing. */
function findApiServer(): Binaries | undefined {
  const first = (...candidates: (string | undefined)[]) =>
    candidates.find((file) => file !== undefined && existsSync(file));
  const kubernetes = process.env.KIAM_LAB_KUBERNETES;
  const etcd = first(process.env.KIAM_LAB_ETCD);
  // KIAM_LAB_KUBERNETES is a directory of programs, or the one program that is all of them.
  const [apiserver, controllerManager] = ["kube-apiserver", "kube-controller-manager"].map((name) =>
    first(kubernetes && path.join(kubernetes, name), kubernetes),
  );
  return etcd && apiserver && controllerManager
    ? { etcd, apiserver, controllerManager }
    : undefined;
}

/** The same; skips the test or suite that `context` belongs to where one of them is missing. */
export function requireApiServer(context: Context): Binaries {
  return (
    findApiServer() ??
    skipBecause(context, "needs kube-apiserver and etcd (KIAM_LAB_KUBERNETES, KIAM_LAB_ETCD)")
  );
}

/**
 * Starts both and waits until the API answers. `stop` ends them and removes their data. Tried again
 * where they end at once: a port that was free may have been taken meanwhile.
 *
 * @param controllers more of kube-controller-manager's, such as `daemonset-controller`
 */
export function startApiServer(
  binaries: Binaries,
  controllers: readonly string[] = [],
): Promise<ApiServer> {
  return pRetry(() => tryToStart(binaries, controllers), { retries: 2, minTimeout: 0 });
}

async function tryToStart(binaries: Binaries, controllers: readonly string[]): Promise<ApiServer> {
  const directory = await mkdtemp(path.join(tmpdir(), "kiam-apiserver-test-"));
  const file = (name: string) => path.join(directory, name);
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
  const children: ChildProcess[] = [];
  const start = (program: string, args: string[]) => {
    // Gone with the test's process, however that ends: a killed run stops nothing itself.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], { stdio: "ignore" });
    children.push(child);
    return child;
  };
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await writeFile(file("sa.key"), privateKey.export({ type: "pkcs1", format: "pem" }));
  const purposes = ["look", "move"] as const;
  const tokens = [
    'test-token,admin,admin,"system:masters"',
    "user-token,user,user",
    ...purposes.map((each) => `${each}-token,${each}er,${each}er,"${groupOf[each]}"`),
  ];
  await writeFile(file("tokens.csv"), `${tokens.join("\n")}\n`);
  // The multi-call binary goes by the name it is called.
  await symlink(binaries.apiserver, file("kube-apiserver"));

  const etcdUrl = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const etcd = start(binaries.etcd, [
    ...["--data-dir", file("etcd"), "--unsafe-no-fsync", "--log-level", "error"],
    ...["--listen-client-urls", etcdUrl, "--advertise-client-urls", etcdUrl],
    ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
    ...["--initial-cluster", `default=${peerUrl}`],
  ]);
  const server = start(file("kube-apiserver"), [
    `--etcd-servers=${etcdUrl}`,
    `--cert-dir=${file("certificates")}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=10.255.255.1",
    `--secure-port=${port}`,
    `--token-auth-file=${file("tokens.csv")}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://test",
    `--service-account-key-file=${file("sa.key")}`,
    `--service-account-signing-key-file=${file("sa.key")}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--disable-admission-plugins=ServiceAccount",
    "--endpoint-reconciler-type=none",
    "--allow-privileged=true",
  ]);

  const configOf = (name: string, token: string) => {
    const made = new KubeConfig();
    const cluster = { name: "test", server: `https://127.0.0.1:${port}`, skipTLSVerify: true };
    made.loadFromClusterAndUser(cluster, { name, token });
    return made;
  };
  const config = configOf("admin", "test-token");
  await writeFile(file("kubeconfig"), config.exportConfig());
  const kubeconfigOf = { look: file("kubeconfig-look"), move: file("kubeconfig-move") };
  for (const each of purposes) {
    const text = configOf(`${each}er`, `${each}-token`).exportConfig();
    await writeFile(kubeconfigOf[each], text);
  }
  const health = new Health(config);
  const objects = KubernetesObjectApi.makeApiClient(config);
  const stop = async () => {
    await Promise.all(children.map(end));
    await rm(directory, { recursive: true, force: true });
  };
  const deadline = Date.now() + patience;
  for (;;) {
    const error = await objects
      .read({ apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } })
      // kube-controller-manager gives up on an API server that is not ready within 10 s; once it is,
      // what Kubernetes lets every user do is bound.
      .then(async () => ((await health.readyz({})) ? undefined : new Error("it is not ready")))
      .catch((failure: unknown) => failure);
    if (error === undefined) {
      await symlink(binaries.controllerManager, file("kube-controller-manager"));
      start(file("kube-controller-manager"), [
        `--kubeconfig=${file("kubeconfig")}`,
        `--controllers=${["namespace-controller", "garbage-collector-controller", ...controllers].join(",")}`,
        "--leader-elect=false",
        "--secure-port=0",
        "--use-service-account-credentials=false",
      ]);
      return { kubeconfig: file("kubeconfig"), kubeconfigOf, config, objects, stop };
    }
    const ended = [etcd, server].some(({ exitCode }) => exitCode !== null);
    if (ended || Date.now() > deadline) {
      await stop();
      const problem = new Error("kube-apiserver did not start", { cause: error });
      throw ended ? problem : new AbortError(problem);
    }
    await sleep(200);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) {
    await new Promise((resolve) => child.once("exit", resolve));
  }
}
