import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { V1Pod } from "@kubernetes/client-node";

import {
  dangerousHooks,
  disarmByHand,
  whyNotDisarmed,
  type PreStopHook,
} from "../../migration/kube2iam/preStop.js";
import { messageOf } from "../../migration/text/text.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import { describePod, nameOf } from "../../cluster/kubernetes/objects.js";
import { keptToolsDirectory } from "../../cluster/rules/nodeRules.js";
import { errorAt } from "../protocol/progress.js";

/** Seconds for the script in one container. */
const scriptSeconds = 60;

/**
 * Makes the preStop hooks of a running pod do nothing, inside its containers, without restarting
 * anything; see worker/disarm/disarm.sh. It lasts until the container restarts. A pod without a dangerous
 * hook, and one that is gone meanwhile, is left alone.
 *
 * @throws GateError where that cannot be done, with what to do by hand
 */
export async function disarmPod(cluster: Cluster, pod: V1Pod): Promise<void> {
  for (const hook of dangerousHooks(pod.spec)) {
    const refusal = whyNotDisarmed(hook) ?? (await refusalOf(cluster, pod, hook));
    if (refusal === undefined) continue;
    const now = await cluster.pod(nameOf(pod));
    if (now?.metadata?.uid !== pod.metadata?.uid) return;
    const where = `container ${hook.container} of ${describePod(pod)}`;
    throw errorAt(where, `The preStop hook of ${describePod(pod)} is not disarmed`, {
      what: `its preStop hook (${hook.command.join(" ")}) cannot be disarmed: ${refusal}`,
      why: "it would delete kiam's rule when this pod goes, and pods would be given the node's own role",
      fix: disarmByHand,
    });
  }
}

/** What the script says against it; undefined where it did as asked. */
async function refusalOf(
  cluster: Cluster,
  pod: V1Pod,
  { container }: PreStopHook,
): Promise<string | undefined> {
  try {
    const script = disarmScript();
    const { exitCode, stdout, stderr } = await cluster.exec(
      pod,
      // Not as an argument: those go into the request's URL, and proxies limit its length.
      [
        ...["sh", "-c", 'head -c "$1" | sh -s -- "$2" "$3"', "disarm.sh"],
        ...[String(Buffer.byteLength(script)), "", keptToolsDirectory],
      ],
      { stdin: script, timeoutSeconds: scriptSeconds, container },
    );
    return exitCode === 0 ? undefined : stderr.trim() || stdout.trim() || `exit code ${exitCode}`;
  } catch (error) {
    return messageOf(error);
  }
}

/** The text of worker/disarm/disarm.sh. */
function disarmScript(): string {
  return readFileSync(join(__dirname, "../../worker/disarm/disarm.sh"), "utf8");
}
