import { isIPv4 } from "node:net";

import pMap from "p-map";

import { askHostKey } from "../ssh/hostKeyCommand.js";
import { problemsOf } from "../../migration/text/problem.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { effectiveKube2iam } from "../../migration/kube2iam/effective.js";
import { asksHostKey, hostKeyOf } from "../../migration/situation/hostKeyOf.js";
import { isReachedOverSsh } from "../../migration/situation/reachedOverSsh.js";
import { serverNodes, sshAddress, workerNodes } from "../../migration/situation/nodeSelection.js";
import type { Settings } from "../../migration/settings/schema.js";
import { lacksHostKey } from "../../migration/plan/whyMoveWaits.js";
import type { WorkerLook } from "../../migration/facts/workerLook.js";
import { lookAtWorker, lookFailure, type Sights, type WorkerAddress } from "./lookAtWorker.js";
import { Bastion } from "../ssh/bastion.js";
import { requireCredentials } from "../ssh/logIn.js";

/** Workers looked at at the same time. */
const concurrency = 16;

/** Programs that are asked for a host key at the same time: EC2's API is slow, and quick to throttle. */
const asking = 5;

/**
 * Looks at every worker that the cutover will connect to, by the same login. Changes nothing: it
 * runs `inspect` of worker/rules/ and look.sh. What fails on one worker is its result, and the
 * others are looked at all the same.
 *
 * Left out are workers whose host key is not known (finding host-key-unknown) or that have no
 * address (worker-address-unknown), and all of them while both systems are to have one port
 * (port-clash), since their rules could not be told apart, or while kube2iam's own flags cannot be
 * used (kube2iam-flag-unusable).
 *
 * @param options `progress` is called after each worker
 * @throws Error where the settings have no usable key to log in with
 */
export async function lookOverSsh(
  settings: Settings,
  facts: ClusterFacts,
  { progress }: { progress?: (done: number, total: number) => void } = {},
): Promise<Record<string, WorkerLook>> {
  const { ssh } = settings;
  requireCredentials(ssh);
  if (effectiveKube2iam(settings, facts).unusable.length > 0) return {};
  const sights = whatToLookAt(settings, facts);
  if (sights.rules.kube2iamPort === sights.rules.kiamPort) return {};
  const workers = workersToLookAt(settings, facts);
  const hostKeys = await askHostKeys(settings, workers);
  const bastion = ssh.bastion && new Bastion(ssh, ssh.bastion);
  let done = 0;
  try {
    const looks = await pMap(
      workers,
      async (worker): Promise<[string, WorkerLook]> => {
        const told = hostKeys.get(worker.name) ?? { hostKey: worker.hostKey };
        const look =
          "failed" in told
            ? told
            : await lookAtWorker({ ...worker, ...told }, sights, ssh, bastion);
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

interface Reached extends WorkerAddress {
  providerId: string | undefined;
  /** Whether its host key is still to be asked for. */
  asks: boolean;
}

type Told = { hostKey: string } | ReturnType<typeof lookFailure>;

/** What ssh.hostKeyCommand tells of those that the settings have no key for, by name. */
async function askHostKeys(
  { ssh }: Settings,
  workers: readonly Reached[],
): Promise<Map<string, Told>> {
  const told = await pMap(
    workers.filter(({ asks }) => asks),
    async (worker): Promise<[string, Told]> => {
      try {
        return [worker.name, { hostKey: await askHostKey(ssh.hostKeyCommand ?? [], worker) }];
      } catch (error) {
        const found = problemsOf(error, worker.name).map(({ what }) => what);
        return [worker.name, lookFailure("host-key-command", found.join("; "))];
      }
    },
    { concurrency: asking },
  );
  return new Map(told);
}

/** Those that the cutover will connect to, as far as it is known how. */
function workersToLookAt(settings: Settings, facts: ClusterFacts): Reached[] {
  return workerNodes(settings, facts.nodes).flatMap((node) => {
    const { name, internalIp: hostIp, providerId } = node;
    const address = sshAddress(settings, node);
    const hostKey = hostKeyOf(settings, node);
    return hostIp === undefined ||
      !isIPv4(hostIp) ||
      address === undefined ||
      lacksHostKey(settings, node) ||
      !isReachedOverSsh(settings, facts, node)
      ? []
      : [{ name, hostIp, address, hostKey, providerId, asks: asksHostKey(settings, node) }];
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
