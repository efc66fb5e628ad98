import type { V1Pod } from "@kubernetes/client-node";

import { messageOf } from "../../migration/text/text.js";
import { describePod, nameOf } from "../../cluster/kubernetes/objects.js";
import type { Problem } from "../../migration/text/problem.js";
import type { UnfinishedRollout } from "../nodes/rollout.js";
import type { GateContext } from "../protocol/context.js";
import { analyseServerLog, type ServerLog } from "./serverLog.js";

/** One kiam server pod: what its log says, and how its own health check ends. */
export interface ServerState {
  pod: V1Pod;
  log: ServerLog;
  /** Only of a ready pod. */
  health: Problem | undefined;
}

/** What one look at all of them found. */
export interface ServersSeen {
  unfinished: UnfinishedRollout | undefined;
  states: ServerState[];
  /** ARNs of the roles that they have to fetch. */
  roles: readonly string[];
  /** Whether their logs are detailed enough to tell of fetched roles. */
  informative: boolean;
}

export async function readServerState(
  context: GateContext,
  pod: V1Pod,
  ready: boolean,
  roleBaseArn: string,
): Promise<ServerState> {
  const { cluster } = context;
  const container = pod.spec?.containers[0]?.name ?? "";
  const own = await cluster.log(nameOf(pod), container);
  // A pod that ends before it is ready has said why in the run before.
  const before = ready ? "" : await cluster.log(nameOf(pod), container, { previous: true });
  return {
    pod,
    log: analyseServerLog(`${before}\n${own}`, roleBaseArn),
    health: ready ? await health(context, pod) : undefined,
  };
}

async function health({ cluster, target }: GateContext, pod: V1Pod): Promise<Problem | undefined> {
  let result;
  try {
    const command = healthCommand(pod, target.kiam.serverPort);
    result = await cluster.exec(pod, command, { timeoutSeconds: 30 });
  } catch (error) {
    // The container may just be restarting: the next look tells.
    return { where: describePod(pod), what: messageOf(error) };
  }
  if (result.exitCode === 0) return undefined;
  return {
    where: describePod(pod),
    what: `kiam health fails: ${(result.stderr || result.stdout).trim() || `exit code ${result.exitCode}`}`,
    why: "agents would be refused the same way",
    fix: "certificates: the server's has to name localhost and kiam-server, and all have to be of one CA",
  };
}

/** The pod's own probe where it has one, else one with the certificates that the server uses. */
function healthCommand(pod: V1Pod, serverPort: number): string[] {
  const container = pod.spec?.containers[0];
  const probe = container?.readinessProbe?.exec?.command ?? container?.livenessProbe?.exec?.command;
  if (probe?.includes("health")) return probe;
  const words = [...(container?.command ?? []), ...(container?.args ?? [])];
  const tls = words.filter((word) => /^--(cert|key|ca)=/.test(word));
  return [
    "/kiam",
    "health",
    ...tls,
    `--server-address=localhost:${serverPort}`,
    "--gateway-timeout-creation=5s",
    "--timeout=5s",
  ];
}
