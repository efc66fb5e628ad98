import type { KubeConfig, V1Pod } from "@kubernetes/client-node";

import { recordKey, recordName, type ClusterFacts } from "../../migration/facts/clusterFacts.js";
import {
  gateNotesName,
  gateNotesSchema,
  recordedKube2iamSchema,
} from "../../migration/facts/clusterValues.js";
import type { Settings } from "../../migration/settings/schema.js";
import { allOf, codeOf, ifThere, named, readAll, ReadError } from "../kubernetes/api.js";
import { isEmptyNode } from "../kubernetes/objects.js";
import {
  agentOn,
  kube2iamFacts,
  kube2iamPodOf,
  namespaceFacts,
  networkPolicyFacts,
  nodeFacts,
  podFacts,
} from "./clusterFacts.js";
import { readIdlePods } from "./idlePods.js";

/**
 * Reads what the plan and the audit need, but for the workers' rules, which take more than the
 * API (cluster/rules/ruleStates.ts). Changes nothing.
 *
 * @throws Error that names the call where the API refuses or cannot be reached
 */
export async function readClusterFacts(
  config: KubeConfig,
  settings: Pick<Settings, "kube2iam" | "kiam">,
): Promise<ClusterFacts> {
  const { AdmissionregistrationV1Api, AppsV1Api, CoreV1Api, NetworkingV1Api } =
    await import("@kubernetes/client-node");
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  const networking = config.makeApiClient(NetworkingV1Api);
  const { namespace: kiam } = settings.kiam;
  const { namespace, daemonSet } = settings.kube2iam;
  const reading = ifThere(
    `DaemonSet ${namespace}/${daemonSet}`,
    apps.readNamespacedDaemonSet({ namespace, name: daemonSet }),
  );
  // Out of reach, the rest need not be tried. A right that is missing is told with all others, below.
  const live = await reading.catch((error: unknown) => {
    if (error instanceof ReadError && codeOf(error.cause) === 403) return undefined;
    throw error;
  });
  /** What a ConfigMap of kiam's namespace holds; nothing where it is not there (yet). */
  const configMap = async (name: string): Promise<Partial<Record<string, string>>> => {
    const read = core.readNamespacedConfigMap({ namespace: kiam, name });
    return (await ifThere(`ConfigMap ${kiam}/${name}`, read))?.data ?? {};
  };
  const [nodes, namespaces, pods, idle, networkPolicies, admission, record, notes] = await allOf([
    readAll(
      "listing nodes",
      (page) => core.listNode(page),
      // Read all the same: a name that is none says what the API server is worth.
      (node) => [nodeFacts(node)].filter(() => !isEmptyNode(node)),
    ),
    readAll(
      "listing namespaces",
      (page) => core.listNamespace(page),
      (each) => [namespaceFacts(each)],
    ),
    readAll(
      "listing pods",
      (page) => core.listPodForAllNamespaces(page),
      (pod) => [
        {
          facts: isFinished(pod) ? [] : [podFacts(pod)],
          ofKube2iam: kube2iamPodOf(live, pod),
          agent: agentOn(pod, kiam),
        },
      ],
    ),
    readIdlePods(config),
    readAll(
      "listing NetworkPolicies",
      (page) => networking.listNamespacedNetworkPolicy({ namespace: kiam, ...page }),
      (policy) => [networkPolicyFacts(policy)],
    ),
    named(
      "listing what admissionregistration.k8s.io/v1 has",
      config.makeApiClient(AdmissionregistrationV1Api).getAPIResources(),
    ),
    configMap(recordName),
    configMap(gateNotesName),
    reading,
  ]);
  const agents = pods.flatMap(({ agent }) => agent);
  const staying = agents.filter(({ stays }) => stays);
  const kube2iamPods = pods.flatMap(({ ofKube2iam }) => ofKube2iam);
  return {
    nodes,
    namespaces,
    pods: [...pods.flatMap(({ facts }) => facts), ...idle],
    kube2iam: live && kube2iamFacts(live, kube2iamPods),
    recorded: recordedKube2iam(kiam, record[recordKey], live !== undefined),
    notes: gateNotesSchema.parse(notes),
    agents: staying.map(({ node }) => node),
    // Of two on one node, the one that stays counts.
    agentPorts: Object.fromEntries(
      [...agents, ...staying].map(({ node, port }): [string, string] => [node, port]),
    ),
    rules: {},
    networkPolicies,
    certificates: [],
    admissionPolicies: admission.resources.some(
      ({ name }) => name === "validatingadmissionpolicies",
    ),
    observedAt: new Date().toISOString(),
    overSsh: undefined,
    kube2iamLog: undefined,
    iam: undefined,
  };
}

/** @param live whether kube2iam runs: then its own flags count, and the record is made anew */
function recordedKube2iam(
  namespace: string,
  text: string | undefined,
  live: boolean,
): ClusterFacts["recorded"] {
  if (text === undefined) return undefined;
  try {
    return recordedKube2iamSchema.parse(JSON.parse(text));
  } catch (error) {
    if (live) return undefined;
    throw new Error(
      `ConfigMap ${namespace}/${recordName}, key ${recordKey}, does not hold what this program writes there (port, interface and baseRoleArn of kube2iam). ` +
        "kube2iam is gone, so that nothing else tells what its rule was, and nothing was done. " +
        `Write it as it was, such as {"port":8181,"interface":"cni0","baseRoleArn":"arn:aws:iam::123456789012:role/"}`,
      { cause: error },
    );
  }
}

function isFinished(pod: V1Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
