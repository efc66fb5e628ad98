import { isIPv4 } from "node:net";

import pMap from "p-map";

import type { ClusterFacts } from "../migration/clusterFacts.js";
import { effectiveKube2iam } from "../migration/effectiveKube2iam.js";
import { hostKeyOf } from "../migration/hostKeyOf.js";
import { isReachedOverSsh } from "../migration/kiamOnly.js";
import { serverNodes, sshAddress, workerNodes } from "../migration/nodeSelection.js";
import type { Settings } from "../migration/settings.js";
import type { WorkerLook } from "../migration/workerLook.js";
import { lookAtWorker, type Sights, type WorkerAddress } from "./lookAtWorker.js";
import { Bastion } from "./ssh/bastion.js";
import { requireCredentials } from "./ssh/credentials.js";

/** Workers looked at at the same time. */
const concurrency = 16;

export interface LookOptions {
  /** Called after each worker. */
  progress?: (done: number, total: number) => void;
}

/**
 * Looks at every worker that the cutover will connect to, by the same login. Changes nothing: it
 * runs `rules.sh inspect` and look.sh. What fails on a worker is said in its place and stops nobody.
 *
 * Left out are workers whose host key is not known (finding host-key-unknown) or that have no
 * address (worker-address-unknown), and all of them while both systems are to have one port
 * (port-clash), since their rules could not be told apart, or while kube2iam's own flags cannot be
 * used (kube2iam-flag-unusable).
 *
 * @throws Error where the settings have no usable key to log in with
 */
export async function lookOverSsh(
  settings: Settings,
  facts: ClusterFacts,
  { progress }: LookOptions = {},
): Promise<Record<string, WorkerLook>> {
  const { ssh } = settings;
  requireCredentials(ssh);
  if (effectiveKube2iam(settings, facts).unusable.length > 0) return {};
  const sights = whatToLookAt(settings, facts);
  if (sights.rules.kube2iamPort === sights.rules.kiamPort) return {};
  const workers = workersToLookAt(settings, facts);
  const bastion = ssh.bastion && new Bastion(ssh, ssh.bastion);
  let done = 0;
  try {
    const looks = await pMap(
      workers,
      async (worker): Promise<[string, WorkerLook]> => {
        const look = await lookAtWorker(worker, sights, ssh, bastion);
        progress?.(++done, workers.length);
        return [worker.name, look];
      },
      { concurrency },
    );
    return Object.fromEntries(looks);
  } finally {
    await bastion?.close();
  }
}

/** Those that the cutover will connect to, as far as it is known how. */
function workersToLookAt(settings: Settings, facts: ClusterFacts): WorkerAddress[] {
  return workerNodes(settings, facts.nodes).flatMap((node) => {
    const { name, internalIp: hostIp } = node;
    const address = sshAddress(settings, node);
    const hostKey = hostKeyOf(settings, node);
    return hostIp === undefined ||
      !isIPv4(hostIp) ||
      address === undefined ||
      (hostKey === undefined && !settings.ssh.acceptUnknownHosts) ||
      !isReachedOverSsh(settings, facts, node)
      ? []
      : [{ name, hostIp, address, hostKey }];
  });
}

function whatToLookAt(settings: Settings, facts: ClusterFacts): Sights {
  const kube2iam = effectiveKube2iam(settings, facts);
  const { agentPort, serverPort, serverHostNetwork } = settings.kiam;
  // The others have addresses of pods that are not there yet.
  const servers = serverHostNetwork ? serverNodes(settings, facts.nodes) : [];
  return {
    rules: {
      kube2iamPort: kube2iam.port,
      kiamPort: agentPort,
      interface: kube2iam.interface,
      kiamInterface: settings.kiam.hostInterface,
    },
    servers: new Map(
      servers.flatMap(({ name, internalIp }) =>
        internalIp !== undefined && isIPv4(internalIp)
          ? [[`${internalIp}:${serverPort}`, name]]
          : [],
      ),
    ),
  };
}
