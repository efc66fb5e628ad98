import { agentInterface, type Plan } from "../plan/plan.js";
import type { Settings } from "../settings/schema.js";
import { kiamNames } from "../kiam/names.js";

/** The part of every gate's input that says which cluster and which kube2iam and kiam in it. */
export interface GateTarget {
  kubernetes: { context?: string };
  kube2iam: { namespace: string; daemonSet: string; port: number; interface: string };
  kiam: {
    namespace: string;
    serverDaemonSet: string;
    agentDaemonSet: string;
    agentPort: number;
    interface: string;
    serverPort: number;
  };
  timeoutSeconds: number;
}

export function gateTarget(settings: Settings, kube2iam: Plan["kube2iam"]): GateTarget {
  const { namespace, daemonSet, port } = kube2iam;
  return {
    kubernetes: settings.kubernetes,
    kube2iam: { namespace, daemonSet, port, interface: kube2iam.interface },
    kiam: {
      namespace: settings.kiam.namespace,
      serverDaemonSet: kiamNames.server,
      agentDaemonSet: kiamNames.agent,
      agentPort: settings.kiam.agentPort,
      interface: agentInterface(settings, kube2iam),
      serverPort: settings.kiam.serverPort,
    },
    timeoutSeconds: settings.probe.timeoutSeconds,
  };
}
