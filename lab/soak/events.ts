/*
 * What each event of a soak does. One that takes the only path to credentials away says so, by
 * `path.gone`, before it does: from then until it has ended, requests on those nodes may fail. An
 * event has ended when what it took is back and every client there is served.
 */
import { setTimeout as sleep } from "node:timers/promises";

import pWaitFor from "p-wait-for";

import { bootGuardScript } from "../../worker/bootGuard/bootGuard.js";
import { agentNotReadyTaint } from "../../migration/facts/clusterFacts.js";
import { installBootScript } from "../cluster/machine.js";
import { agents, kube2iam, restartPods, servers, stsFault } from "../disturb.js";
import { crowd, crowdName } from "./crowd.js";
import type { Scene } from "./scene.js";
import type { Kind, SoakEvent } from "./schedule.js";

/** The only path to credentials, as an event takes it away. */
export interface OnlyPath {
  /** Requests may fail there from now on; more nodes with each call. */
  gone: (why: string, nodes: readonly string[]) => void;
  /** From now on none may; else once the event has ended. */
  back: () => void;
}

interface Happening {
  /** Such as `worker-2 reboots`. */
  what: (event: SoakEvent) => string;
  run: (scene: Scene, event: SoakEvent, path: OnlyPath) => Promise<void>;
}

export const happenings: Record<Kind, Happening> = {
  join: {
    what: ({ node }) => `${node} joins`,
    run: (scene, { node }) => join(scene, node),
  },
  leave: {
    what: ({ node }) => `${node} leaves`,
    run: (scene, { node }, path) => leave(scene, node, path),
  },
  replace: {
    what: ({ node }) => `${node} is replaced under its name`,
    run: async (scene, { node }, path) => {
      await leave(scene, node, path);
      path.back();
      await join(scene, node);
    },
  },
  reboot: {
    what: ({ node }) => `${node} reboots`,
    run: async (scene, { node }, path) => {
      path.gone("the node boots", [node]);
      const cluster = await scene.cluster();
      const script = await bootGuardFor(scene, node);
      await installBootScript(cluster.paths, cluster.node(node), bootGuard, script);
      await cluster.stopNode(node);
      await cluster.startNode(node);
      await cluster.waitReady([cluster.node(node)], 120_000);
      await scene.served([node]);
    },
  },
  agent: {
    what: ({ node }) => `kiam's agent on ${node} restarts`,
    run: (scene, { node }, path) => restart(scene, "kiam", { ...agents, node }, path),
  },
  kube2iam: {
    what: ({ node }) => `kube2iam on ${node} restarts`,
    run: (scene, { node }, path) => restart(scene, "kube2iam", { ...kube2iam, node }, path),
  },
  server: {
    what: () => "kiam's server restarts",
    run: (scene, _event, path) => restart(scene, "kiam", servers, path),
  },
  pods: {
    what: () => `${crowd} pods come and go`,
    run: async (scene, { lasts }) => {
      await scaleCrowd(scene, crowd);
      await sleep(lasts * 1000);
      await scaleCrowd(scene, 0);
    },
  },
  dns: {
    what: ({ lasts }) => `the cluster's DNS is away for ${lasts} s`,
    run: (scene, { lasts }, path) =>
      whereNothingIsCached(scene, path, async () => {
        const cluster = await scene.cluster();
        const dns = ["-n", "kube-system"];
        await cluster.kubectl([...dns, "scale", "deployment/coredns", "--replicas=0"]);
        try {
          const gone = ["--for=delete", "pod", "-l", "k8s-app=kube-dns"];
          await cluster.kubectl([...dns, "wait", ...gone]);
          await sleep(lasts * 1000);
        } finally {
          await cluster.kubectl([...dns, "scale", "deployment/coredns", "--replicas=1"]);
        }
        await cluster.kubectl([...dns, "rollout", "status", "deployment/coredns"]);
      }),
  },
  "sts-slow": {
    what: ({ lasts }) => `STS takes 300 ms longer for ${lasts} s`,
    run: (_scene, { lasts }) => withStsFault({ delayMs: 300 }, lasts),
  },
  "sts-throttled": {
    what: ({ lasts }) => `STS throttles for ${lasts} s`,
    run: (scene, { lasts }, path) =>
      whereNothingIsCached(scene, path, () => withStsFault({ throttle: true }, lasts)),
  },
};

/**
 * As docs/new-nodes.md advises: with the startup taint, so that no pod is put there before someone
 * serves it, and with the boot guard. A node that comes back under its name within a minute has
 * pods bound to it already, and starts them whatever its taints.
 */
async function join(scene: Scene, name: string): Promise<void> {
  // It is for the system that the canary's pods are served by: the others follow it.
  const bootScripts = { [bootGuard]: await bootGuardFor(scene, "worker-1") };
  const cluster = await scene.cluster();
  const node = await cluster.addNode({ taints: [agentNotReadyTaint], bootScripts });
  if (node.name !== name) throw new Error(`${node.name} joined, where ${name} was to`);
  await scene.served([name], 180);
}

async function leave(scene: Scene, name: string, path: OnlyPath): Promise<void> {
  path.gone("the node leaves", [name]);
  const cluster = await scene.cluster();
  await cluster.stopNode(name);
  // What its pods were answered goes with its disk.
  await scene.reading.collect(() => cluster.removeNode(name));
}

const bootGuard = "kiam-boot-guard";

/**
 * Writes the rule of the system that serves a worker now, before a pod can ask: the boot guard of
 * docs/new-nodes.md. Without it pods read the node's own role, under kube2iam as well.
 */
async function bootGuardFor(scene: Scene, worker: string): Promise<string> {
  const agentPort = (await scene.behind("kiam")).includes(worker) ? 8881 : 8181;
  return bootGuardScript({ interface: "cni0", agentPort });
}

/** Restarts a system's pods, on one node where named; requests may fail where it may have to answer. */
async function restart(
  scene: Scene,
  system: "kube2iam" | "kiam",
  pods: { namespace: string; selector: string; node?: string },
  path: OnlyPath,
): Promise<void> {
  const list = async () => {
    const { namespace, selector: labelSelector } = pods;
    const { items } = await scene.core.listNamespacedPod({ namespace, labelSelector });
    return items.filter(({ spec }) => pods.node === undefined || spec?.nodeName === pods.node);
  };
  // At some stages there is none.
  if ((await list()).length === 0) return;
  const needing = async () =>
    (await scene.needing(system)).filter((name) => pods.node === undefined || name === pods.node);
  const why = `${system} restarts, and is the only path`;
  const before = await needing();
  if (before.length > 0) path.gone(why, before);
  const ended = new AbortController();
  // A move may take all of them away meanwhile.
  const withdrawn = async () => {
    let since: number | undefined;
    await pWaitFor(
      async () => {
        since = (await list()).length > 0 ? undefined : (since ?? Date.now());
        return since !== undefined && Date.now() - since > 5000;
      },
      { interval: 500, signal: ended.signal },
    );
  };
  try {
    await Promise.race([restartPods(scene, pods), withdrawn()]);
  } finally {
    ended.abort();
  }
  const after = await needing();
  if (after.length > 0) path.gone(why, after);
  await scene.served([...new Set([...before, ...after])]);
}

/**
 * Runs a trouble that only bites where nothing is cached: kube2iam asks STS at a pod's first
 * request, so one that has just been started has nothing. kiam's server has every role before it
 * counts as ready.
 */
async function whereNothingIsCached(
  scene: Scene,
  path: OnlyPath,
  trouble: () => Promise<void>,
): Promise<void> {
  const why = "a kube2iam that has cached nothing needs STS, and DNS to find it";
  const before = await scene.behind("kube2iam");
  if (before.length > 0) path.gone(why, before);
  await trouble();
  const after = await scene.behind("kube2iam");
  if (after.length > 0) path.gone(why, after);
  await scene.served([...new Set([...before, ...after])]);
}

async function withStsFault(fault: Parameters<typeof stsFault>[0], seconds: number): Promise<void> {
  await stsFault(fault);
  try {
    await sleep(seconds * 1000);
  } finally {
    await stsFault({});
  }
}

async function scaleCrowd(scene: Scene, replicas: number): Promise<void> {
  const { namespace, name } = crowdName;
  const cluster = await scene.cluster();
  await cluster.kubectl(["-n", namespace, "scale", `deployment/${name}`, `--replicas=${replicas}`]);
  const labelSelector = `app=${name}`;
  await pWaitFor(
    async () => {
      const { items } = await scene.core.listNamespacedPod({ namespace, labelSelector });
      const ready = items.filter(({ status }) =>
        status?.conditions?.some((each) => each.type === "Ready" && each.status === "True"),
      );
      return replicas === 0 ? items.length === 0 : ready.length >= replicas;
    },
    {
      interval: 500,
      timeout: { milliseconds: 120_000, message: `${name} is not at ${replicas} pods after 120 s` },
    },
  );
}
