/* What a fault does to a worker of the embedded cluster, as root there. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";

import { runIn } from "../../lab/cluster/namespaces.js";
import { agents, restartPods, servers, sh, stsFault } from "../../lab/disturb.js";
import { workers, type Session } from "./session.js";

export const hostIp: Record<string, string> = {
  "worker-1": "10.99.0.11",
  "worker-2": "10.99.0.12",
};

/** The spec of a system's rule on a worker, with another backend-independent part where wanted. */
export function rule(worker: string, port: number): string {
  return `PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination ${hostIp[worker]}:${port}`;
}

/** Ids of the processes on a node whose command line begins so, as the node numbers them. */
async function pids(node: string, commandLine: string): Promise<string[]> {
  const { stdout } = await runIn(node, "pgrep", ["-f", `^${commandLine}`], {
    reject: false,
  });
  return stdout.split("\n").filter((line) => line !== "");
}

/** Kills such a process at once. @returns when it was done, milliseconds since the epoch */
export async function kill(node: string, commandLine: string): Promise<number> {
  const found = await pids(node, commandLine);
  assert.notDeepEqual(found, [], `${commandLine} runs on ${node}`);
  await sh(node, `kill -9 ${found.join(" ")}`);
  return Date.now();
}

interface Killing {
  stop: () => Promise<void>;
}

const killings = new Set<Killing>();

/**
 * Kills such a process whenever it is seen, until told to stop. The loop runs on the node itself:
 * from here it would leave a process that was started again the time to answer.
 */
export function keepDead(node: string, commandLine: string): Killing {
  const file = `/run/keep-dead-${randomUUID()}`;
  const loop = sh(
    node,
    `touch ${file}; python3 ${join(__dirname, "keepDead.py")} ${file} '${commandLine}'`,
  );
  const killing = {
    stop: async () => {
      if (!killings.delete(killing)) return;
      await sh(node, `rm -f ${file}`);
      await loop;
    },
  };
  killings.add(killing);
  return killing;
}

const mendings = new Set<() => Promise<void>>();

/**
 * Stops a worker's kubelet, so that the API can neither see nor change anything there while its
 * pods go on, and has the node counted as not Ready at once instead of after its lease has run out.
 *
 * @returns ends it, and waits until the node is Ready again
 */
export async function unreachable(lab: Session, node: string): Promise<() => Promise<void>> {
  const mend = async () => {
    if (!mendings.delete(mend)) return;
    await sh(node, "pkill -CONT -x kubelet");
    await (await lab.cluster()).waitReady();
  };
  mendings.add(mend);
  await sh(node, "pkill -STOP -x kubelet");
  const condition = { type: "Ready", status: "Unknown", reason: "Test", message: "no kubelet" };
  await kubectl(
    lab,
    ...["patch", "node", node, "--subresource=status", "--type=strategic"],
    ...["-p", JSON.stringify({ status: { conditions: [condition] } })],
  );
  return mend;
}

/** The pods of one of the applications that ask without pause. */
export const orders = { namespace: "orders", selector: "app=orders-app" };

/** kubectl as the admin; this process is in the operator's network already. */
export async function kubectl(lab: Session, ...args: string[]): Promise<string> {
  return (await lab.cluster()).kubectl(args);
}

/**
 * Ends what a fault that failed may have left on: what is kept dead, STS's trouble, workers that
 * joined, and kiam's pods that wait to be started again. What can't be ended is said, and never
 * hides why the fault failed.
 */
export async function tidyUp(lab: Session): Promise<void> {
  const say = (error: unknown) => console.log(`    tidying up: ${String(error)}`);
  for (const killing of killings) await killing.stop().catch(say);
  for (const mend of mendings) await mend().catch(say);
  await stsFault({}).catch(say);
  const cluster = await lab.cluster();
  for (const { name } of cluster.workers.filter((worker) => worker.index > workers)) {
    await cluster.removeNode(name).catch(say);
  }
  for (const each of [servers, agents]) {
    await restartPods(lab, each, 0).catch(say);
  }
}
