import type { CoreV1Api, KubeConfig, ObservableMiddleware, V1Pod } from "@kubernetes/client-node";
import pMap from "p-map";

import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import type { Kube2iamLogFacts } from "../../migration/kube2iam/log.js";
import { readKube2iamLogPart } from "../../migration/kube2iam/requests.js";
import { apiMessage, collect } from "../kubernetes/api.js";
import type { Settings } from "../../migration/settings/schema.js";
import { Kube2iamLogSummary } from "../../migration/kube2iam/summarizeLog.js";

/** Pods that are read at the same time. */
const concurrency = 8;

/** What is read of each pod's log at most. */
const limits = {
  /** Lines, from the end. */
  tailLines: 5_000,
  sinceMinutes: 60,
  /** Three times what so many lines take. */
  limitBytes: 4 * 1024 * 1024,
  /** Seconds that it may take. */
  timeoutSeconds: 30,
};
type Limits = typeof limits;

/**
 * Reads what kube2iam's pods have logged of late through the Kubernetes API. Needs `list` on pods
 * and `get` on pods/log in kube2iam's namespace. Changes nothing; what cannot be read is named in
 * `unread`, and nothing is thrown.
 *
 * @param facts pods with their addresses, and the uids of kube2iam's pods
 */
export async function readKube2iamLog(
  config: KubeConfig,
  settings: Pick<Settings, "kube2iam">,
  facts: Pick<ClusterFacts, "kube2iam" | "pods">,
  changed: Partial<Limits> = {},
): Promise<Kube2iamLogFacts> {
  const wanted = { ...limits, ...changed };
  const { CoreV1Api, Observable } = await import("@kubernetes/client-node");
  const core = config.makeApiClient(CoreV1Api);
  const withinTime: ObservableMiddleware = {
    pre: (context) => {
      context.setSignal(AbortSignal.timeout(wanted.timeoutSeconds * 1_000));
      return new Observable(Promise.resolve(context));
    },
    post: (response) => new Observable(Promise.resolve(response)),
  };
  const summary = new Kube2iamLogSummary(facts.pods);
  const { namespace } = settings.kube2iam;
  const uids = new Set(Object.values(facts.kube2iam?.pods ?? {}).map(({ uid }) => uid));
  if (uids.size === 0) return summary.facts();
  let pods: V1Pod[];
  try {
    pods = await collect(
      (page) => core.listNamespacedPod({ namespace, ...page }),
      (pod) => (uids.has(pod.metadata?.uid ?? "") ? [pod] : []),
    );
  } catch (error) {
    summary.addUnread(`the pods in namespace ${namespace}: ${apiMessage(error)}`);
    return summary.facts();
  }
  await pMap(
    pods,
    async (pod) => {
      const node = pod.spec?.nodeName ?? "";
      try {
        const log = await readLog(core, pod, wanted, withinTime);
        const part = readKube2iamLogPart(log);
        summary.add(node, part, minutesCovered(log, part, wanted));
      } catch (error) {
        summary.addUnread(
          `pod ${namespace}/${pod.metadata?.name} on ${node}: ${why(error, wanted)}`,
        );
      }
    },
    { concurrency },
  );
  return summary.facts();
}

async function readLog(
  core: CoreV1Api,
  pod: V1Pod,
  { tailLines, sinceMinutes, limitBytes }: Limits,
  middleware: ObservableMiddleware,
): Promise<string> {
  const request = {
    namespace: pod.metadata?.namespace ?? "",
    name: pod.metadata?.name ?? "",
    container: pod.spec?.containers[0]?.name,
    tailLines,
    sinceSeconds: sinceMinutes * 60,
    limitBytes,
  };
  // An empty log comes as undefined.
  const log = (await core.readNamespacedPodLog(request, {
    middleware: [middleware],
    middlewareMergeStrategy: "append",
  })) as string | undefined;
  return log ?? "";
}

/** How many minutes a log goes back from now without a gap. */
function minutesCovered(
  log: string,
  { begins, started }: { begins: number | undefined; started: number | undefined },
  { tailLines, sinceMinutes, limitBytes }: Limits,
): number {
  // The API leaves out the end, not the beginning, where the bytes do not suffice.
  if (Buffer.byteLength(log) >= limitBytes) return 0;
  const cut = log.trimEnd().split("\n").length >= tailLines;
  const from = started ?? (cut ? begins : undefined);
  if (from === undefined) return cut ? 0 : sinceMinutes;
  return Math.max(0, Math.min(sinceMinutes, Math.floor((Date.now() - from) / 60_000)));
}

function why(error: unknown, { timeoutSeconds }: Limits): string {
  const timedOut =
    error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
  return timedOut ? `no answer within ${timeoutSeconds} s` : apiMessage(error);
}
