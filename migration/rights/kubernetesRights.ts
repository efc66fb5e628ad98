import { recordName } from "../facts/clusterFacts.js";
import { gateNotesName } from "../facts/clusterValues.js";
import { kiamNames } from "../kiam/names.js";

/*
 * What the program asks of the Kubernetes API: the one list of it. The manifests in
 * rights/kubernetes and the table in docs/rights.md are made of these rows, and a
 * refusal is explained by them.
 */

/**
 * What a right is for. `look`: audit, status, plan, preview. `move`: whatever changes something;
 * who moves also has every right to look.
 */
export type Purpose = "look" | "move";

/**
 * Where a right holds. `cluster`: everywhere, because the object has no namespace, is looked for in
 * all of them, or is made in kiam's before a right could be given there. Else in one namespace.
 */
export type Place = "cluster" | "kube2iam" | "kiam";

export interface KubernetesRight {
  purpose: Purpose;
  place: Place;
  /** API group; empty for the core one. */
  group: string;
  resources: readonly string[];
  verbs: readonly string[];
  /** Names of objects, where only those are meant. */
  names?: readonly string[];
  why: string;
}

const core = "";
const apps = "apps";
const rbac = "rbac.authorization.k8s.io";
const admission = "admissionregistration.k8s.io";

/* Names by their defaults in the settings. */

export const defaultNamespaces = { kube2iam: "kube-system", kiam: "kiam" } as const;
const kube2iamDaemonSet = "kube2iam";

/** The official Kubernetes provider waits for what it deletes by a list and a watch of its kind. */
const waits = ["list", "watch"];
const owned = ["create", "get", "patch", "delete", ...waits];

const look = (
  place: Place,
  group: string,
  resources: readonly string[],
  verbs: readonly string[],
  rest: Pick<KubernetesRight, "names" | "why">,
): KubernetesRight => ({ purpose: "look", place, group, resources, verbs, ...rest });

const move = (...[place, group, resources, verbs, rest]: Parameters<typeof look>) => ({
  ...look(place, group, resources, verbs, rest),
  purpose: "move" as const,
});

const looking: readonly KubernetesRight[] = [
  look("cluster", core, ["nodes"], ["get", "list"], {
    why: "which workers and servers there are, their state, and the record of each cutover",
  }),
  look("cluster", core, ["namespaces"], ["list"], {
    why: "which roles each namespace permits",
  }),
  look("cluster", core, ["pods"], ["list"], {
    why: "which pods ask for which role, on which node; pods of kube2iam and kiam",
  }),
  look("cluster", apps, ["deployments", "statefulsets"], ["list"], {
    why: "roles that pods will ask for once these have replicas again",
  }),
  look("cluster", "batch", ["cronjobs"], ["list"], {
    why: "roles that pods of CronJobs will ask for",
  }),
  look("cluster", "networking.k8s.io", ["networkpolicies"], ["list"], {
    why: "what would keep agents from servers in kiam's namespace; asked for before that is there",
  }),
  look("cluster", core, ["configmaps"], ["get"], {
    names: [recordName, gateNotesName],
    why: "what this program noted in kiam's namespace; asked for before that is there",
  }),
  look("cluster", apps, ["daemonsets"], ["get"], {
    names: [kiamNames.agent],
    why: "which pods are agents; asked for before kiam's namespace is there",
  }),
  look("kube2iam", apps, ["daemonsets"], ["get"], {
    names: [kube2iamDaemonSet],
    why: "kube2iam's flags, hook and tolerations",
  }),
  look("kube2iam", core, ["pods/log"], ["get"], {
    why: "what pods ask kube2iam for; without it the audit says kube2iam-log-unread",
  }),
  look("kiam", core, ["pods/exec"], ["create", "get"], {
    why: "the workers' nat rules, read by a script in the agent's pod; without it the audit says rules-unread. It makes the operator as good as root on those nodes",
  }),
  look("kiam", core, ["secrets"], ["get"], {
    names: [kiamNames.serverSecret, kiamNames.agentSecret],
    why: "when kiam's certificates expire; without it the audit says certificate-unread. The secrets also hold the keys",
  }),
];

const movingEverywhere: readonly KubernetesRight[] = [
  move("cluster", core, ["nodes"], ["patch"], {
    why: "the record of a cutover, the mark of a worker with an agent, the label that keeps kube2iam off; also given to what clears the startup taint",
  }),
  move("cluster", core, ["nodes"], ["create", "delete"], {
    why: "Pulumi takes its mark off a node that has left by making an empty Node, which is deleted at once",
  }),
  move("cluster", core, ["namespaces"], ["create", "get", "patch", "watch"], {
    why: "kiam's namespace; the annotation that permits roles, on each namespace of the settings",
  }),
  move("cluster", core, ["namespaces"], ["delete"], {
    names: [defaultNamespaces.kiam],
    why: "going back below stage prepare: kiam's namespace",
  }),
  move("cluster", core, ["pods"], ["get", "watch"], {
    why: "whether a pod is ready or gone; also given to kiam's server, and back to kube2iam",
  }),
  move("cluster", core, ["events"], ["list", "watch"], {
    why: "why a pod does not start; the official Kubernetes provider reads them with everything that it makes",
  }),
  move("cluster", core, ["events"], ["create", "patch"], {
    why: "given to kiam's server: no user may give a right without having it",
  }),
  move("cluster", core, ["configmaps", "secrets", "serviceaccounts", "services"], ["create"], {
    why: "what kiam needs, made in the same update as its namespace",
  }),
  move("cluster", rbac, ["clusterroles", "clusterrolebindings"], ["create", "get", ...waits], {
    why: "rights of kiam's server and of what clears the startup taint; rights of kube2iam, captured before it is retired and given back on the way back",
  }),
  move("cluster", rbac, ["clusterroles", "clusterrolebindings"], ["patch", "delete"], {
    names: [kiamNames.server, kiamNames.startupTaint],
    why: "the same rights, changed and taken back",
  }),
  move("cluster", rbac, ["roles", "rolebindings"], ["get", "list"], {
    why: "which of them are kube2iam's, captured before it is retired",
  }),
  move(
    "cluster",
    admission,
    ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
    ["create", ...waits],
    { why: "newNodes.startupTaint: what clears the taint may change nothing else of a node" },
  ),
  move(
    "cluster",
    admission,
    ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
    ["get", "patch", "delete"],
    { names: [kiamNames.startupTaint], why: "the same policy, changed and taken back" },
  ),
];

const movingKube2iam: readonly KubernetesRight[] = [
  move("kube2iam", apps, ["daemonsets"], ["patch", "delete"], {
    names: [kube2iamDaemonSet],
    why: "its preStop hook off, its affinity away from nodes that are kiam's alone; its retirement",
  }),
  move("kube2iam", apps, ["daemonsets"], ["create"], {
    why: "the way back from its retirement",
  }),
  move("kube2iam", apps, ["controllerrevisions"], ["list", "delete"], {
    why: "what the deleted DaemonSet leaves behind",
  }),
  move("kube2iam", core, ["pods"], ["delete"], {
    why: "pods of kube2iam, one by one: at the retirement, and where one has a harmful hook",
  }),
  move("kube2iam", core, ["pods/exec"], ["create", "get"], {
    why: "disarms a harmful hook; reads and changes a worker's rules where no agent runs. It makes the operator as good as root on the node of every pod in that namespace",
  }),
  move("kube2iam", core, ["serviceaccounts"], ["create", "get"], {
    why: "kube2iam's account, captured and given back",
  }),
  move("kube2iam", rbac, ["roles", "rolebindings"], ["create"], {
    why: "kube2iam's rights in its namespace, given back",
  }),
];

const movingKiam: readonly KubernetesRight[] = [
  move("kiam", apps, ["daemonsets", "deployments"], owned, {
    why: "kiam's servers and agents; what clears the startup taint",
  }),
  move("kiam", apps, ["replicasets"], waits, {
    why: "the official Kubernetes provider waits for a Deployment by them",
  }),
  move("kiam", core, ["persistentvolumeclaims"], waits, {
    why: "the official Kubernetes provider waits for a Deployment by them, though there is none",
  }),
  move(
    "kiam",
    core,
    ["configmaps", "secrets", "serviceaccounts", "services"],
    ["get", "patch", "delete", ...waits],
    { why: "what kiam needs, changed and taken back; the notes of gates" },
  ),
  move("kiam", rbac, ["roles", "rolebindings"], owned, {
    why: "newNodes.startupTaint: what clears the taint reads pods there",
  }),
  move("kiam", core, ["pods"], ["create", "delete"], {
    why: "the pods that prove who answers, and that ask for each role",
  }),
  move("kiam", core, ["pods/log"], ["get"], {
    why: "whether servers and agents work, and why not",
  }),
];

export const kubernetesRights: readonly KubernetesRight[] = [
  ...looking,
  ...movingEverywhere,
  ...movingKube2iam,
  ...movingKiam,
];
