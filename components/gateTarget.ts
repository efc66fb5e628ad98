import type { Plan } from "../migration/plan.js";
import type { Settings } from "../migration/settings.js";
import { kiamNames } from "./kiamNames.js";

/** The part of every gate's input that says which cluster and which kube2iam and kiam in it. */
export interface GateTarget {
  kubernetes: { context?: string };
  kube2iam: { namespace: string; daemonSet: string; port: number; interface: string };
  kiam: {
    namespace: string;
    serverDaemonSet: string;
    agentDaemonSet: string;
    agentPort: number;
    serverPort: number;
  };
  timeoutSeconds: number;
}

/** Seconds a gate waits for its condition before it fails. */
const gateTimeoutSeconds = 180;

export function gateTarget(settings: Settings, plan: Plan): GateTarget {
  const { namespace, daemonSet, port } = plan.kube2iam;
  return {
    kubernetes: settings.kubernetes,
    kube2iam: { namespace, daemonSet, port, interface: plan.kube2iam.interface },
    kiam: {
      namespace: settings.kiam.namespace,
      serverDaemonSet: kiamNames.server,
      agentDaemonSet: kiamNames.agent,
      agentPort: settings.kiam.agentPort,
      serverPort: settings.kiam.serverPort,
    },
    timeoutSeconds: gateTimeoutSeconds,
  };
}
