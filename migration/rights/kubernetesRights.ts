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
  /** On which occasion, where the round trip of the embedded cluster has none. */
  when?: string;
}

const core = "";
const apps = "apps";
const rbac = "rbac.authorization.k8s.io";
const admission = "admissionregistration.k8s.io";

/* Names by their defaults in the settings. */

export const defaultNamespaces = { kube2iam: "kube-system", kiam: "kiam" } as const;
const kube2iamDaemonSet = "kube2iam";

/** On which occasion something is asked for, where that is not every migration there and back. */
const occasions = {
  audit: "by kiam-migrate audit",
  officialProvider:
    "the official Kubernetes provider waits for what it makes and deletes by lists and watches",
  newerServer: "newer API servers ask for create where older ones ask for get",
  given: "never asked for: no user may give kiam's server, or kube2iam, a right without having it",
  preview: "in a preview, before the role is there",
  change: "where a new version of this program, or a setting, changes it",
  startupTaint: "with newNodes.startupTaint",
  kiamOnly: "with newNodes.keepKube2iamOff, or where kube2iam has a preStop hook that does harm",
  leftNode: "where a node has left: Pulumi takes its mark off by making an empty Node",
  uninstalled: "where all of kube2iam was uninstalled at its retirement",
  ownRights: "where kube2iam has rights in its own namespace",
} as const;

const look = (
  place: Place,
  group: string,
  resources: readonly string[],
  verbs: readonly string[],
  rest: Pick<KubernetesRight, "names" | "why" | "when">,
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
    when: occasions.audit,
  }),
  look("kiam", core, ["pods/exec"], ["get"], {
    why: "the workers' nat rules, read by a script in the agent's pod; without it the audit says rules-unread. It makes the operator as good as root on those nodes",
  }),
  look("kiam", core, ["pods/exec"], ["create"], { why: "the same", when: occasions.newerServer }),
  look("kiam", core, ["secrets"], ["get"], {
    names: [kiamNames.serverSecret, kiamNames.agentSecret],
    why: "when kiam's certificates expire; without it the audit says certificate-unread. The secrets also hold the keys",
  }),
];

const {
  officialProvider,
  newerServer,
  given,
  preview,
  change,
  startupTaint,
  kiamOnly,
  leftNode,
  uninstalled,
  ownRights,
} = occasions;
const policies = ["validatingadmissionpolicies", "validatingadmissionpolicybindings"];

const movingEverywhere: readonly KubernetesRight[] = [
  move("cluster", core, ["nodes"], ["patch"], {
    why: "the record of a cutover, the mark of a worker with an agent; also given to what clears the startup taint",
  }),
  move("cluster", core, ["nodes"], ["create", "delete"], {
    why: "an empty Node is deleted at once",
    when: leftNode,
  }),
  move("cluster", core, ["namespaces"], ["create", "get", "patch"], {
    why: "kiam's namespace; the annotation that permits roles, on each namespace of the settings",
  }),
  move("cluster", core, ["namespaces"], ["delete"], {
    names: [defaultNamespaces.kiam],
    why: "going back below stage prepare: kiam's namespace",
  }),
  move("cluster", core, ["namespaces"], ["watch"], {
    why: "kiam's server and kube2iam have it",
    when: given,
  }),
  move("cluster", core, ["pods"], ["get", "watch"], {
    why: "whether a pod is ready or gone; also given to kiam's server, and back to kube2iam",
  }),
  move("cluster", core, ["events"], ["list"], { why: "why a pod does not start" }),
  move("cluster", core, ["events"], ["watch"], { why: "the same", when: officialProvider }),
  move("cluster", core, ["events"], ["create", "patch"], {
    why: "kiam's server has it",
    when: given,
  }),
  move("cluster", core, ["configmaps", "secrets", "serviceaccounts", "services"], ["create"], {
    why: "what kiam needs, made in the same update as its namespace",
  }),
  move("cluster", rbac, ["clusterroles", "clusterrolebindings"], ["create", "get"], {
    why: "rights of kiam's server; rights of kube2iam, captured before it is retired and given back on the way back",
  }),
  move("cluster", rbac, ["clusterrolebindings", "rolebindings"], ["list"], {
    why: "which of them are kube2iam's, captured before it is retired",
  }),
  move("cluster", rbac, ["clusterroles", "clusterrolebindings"], ["delete"], {
    names: [kiamNames.server, kiamNames.startupTaint],
    why: "rights of kiam's server, taken back",
  }),
  move("cluster", rbac, ["clusterroles", "clusterrolebindings"], ["patch"], {
    names: [kiamNames.server, kiamNames.startupTaint],
    why: "rights of kiam's server",
    when: change,
  }),
  move("cluster", rbac, ["clusterroles"], ["bind"], {
    names: [kiamNames.server, kiamNames.startupTaint],
    why: "bindings of these roles, which the operator makes itself from rights that it has",
    when: preview,
  }),
  move("cluster", rbac, ["clusterroles"], ["list"], {
    why: "rights of kiam's server, taken back",
    when: officialProvider,
  }),
  move("cluster", rbac, ["clusterroles", "clusterrolebindings"], ["watch"], {
    why: "the same",
    when: officialProvider,
  }),
  move("cluster", rbac, ["roles", "rolebindings"], ["get"], {
    why: "kube2iam's, captured before it is retired",
    when: ownRights,
  }),
  move("cluster", admission, policies, ["create", "list", "watch"], {
    why: "what clears the taint may change nothing else of a node",
    when: startupTaint,
  }),
  move("cluster", admission, policies, ["get", "patch", "delete"], {
    names: [kiamNames.startupTaint],
    why: "the same, changed and taken back",
    when: startupTaint,
  }),
];

const movingKube2iam: readonly KubernetesRight[] = [
  move("kube2iam", apps, ["daemonsets"], ["delete"], {
    names: [kube2iamDaemonSet],
    why: "its retirement",
  }),
  move("kube2iam", apps, ["daemonsets"], ["create"], { why: "the way back from its retirement" }),
  move("kube2iam", apps, ["daemonsets"], ["patch"], {
    names: [kube2iamDaemonSet],
    why: "its hook off; its affinity away from nodes that are kiam's alone",
    when: kiamOnly,
  }),
  move("kube2iam", apps, ["controllerrevisions"], ["list", "delete"], {
    why: "what the deleted DaemonSet leaves behind",
  }),
  move("kube2iam", core, ["pods"], ["delete"], {
    why: "pods of kube2iam, one by one: at its retirement, and where one has a hook that does harm",
  }),
  move("kube2iam", core, ["pods/exec"], ["get"], {
    why: "disarms a hook that does harm; reads and changes a worker's rules where no agent runs. It makes the operator as good as root on the node of every pod in that namespace",
  }),
  move("kube2iam", core, ["pods/exec"], ["create"], { why: "the same", when: newerServer }),
  move("kube2iam", core, ["serviceaccounts"], ["get"], {
    why: "kube2iam's account, captured before it is retired",
  }),
  move("kube2iam", core, ["serviceaccounts"], ["create"], {
    why: "the same account, given back",
    when: uninstalled,
  }),
  move("kube2iam", rbac, ["roles", "rolebindings"], ["create"], {
    why: "kube2iam's, given back where they are gone",
    when: ownRights,
  }),
];

const kiamsOwn = ["configmaps", "secrets", "serviceaccounts", "services"];

const movingKiam: readonly KubernetesRight[] = [
  move("kiam", apps, ["daemonsets"], ["create", "get", "delete"], {
    why: "kiam's servers and agents",
  }),
  move("kiam", apps, ["daemonsets"], ["patch"], { why: "the same", when: change }),
  move("kiam", apps, ["daemonsets"], ["list", "watch"], {
    why: "the same",
    when: officialProvider,
  }),
  move("kiam", core, ["pods"], ["create", "delete"], {
    why: "the pods that prove who answers, and that ask for each role",
  }),
  move("kiam", core, ["pods/log"], ["get"], {
    why: "whether servers and agents work, and why not",
  }),
  move("kiam", core, kiamsOwn, ["get", "delete"], { why: "what kiam needs, taken back" }),
  move("kiam", core, ["configmaps"], ["patch"], { why: "the notes of gates" }),
  move("kiam", core, kiamsOwn, ["patch"], { why: "what kiam needs", when: change }),
  move("kiam", core, kiamsOwn, ["list", "watch"], {
    why: "what kiam needs, taken back",
    when: officialProvider,
  }),
  move("kiam", apps, ["deployments"], ["create", "get", "patch", "delete", "list", "watch"], {
    why: "what clears the taint",
    when: startupTaint,
  }),
  move("kiam", apps, ["replicasets"], ["list", "watch"], {
    why: "whether what clears the taint is ready",
    when: officialProvider,
  }),
  move("kiam", core, ["persistentvolumeclaims"], ["list", "watch"], {
    why: "the same, though there is none",
    when: officialProvider,
  }),
  move(
    "kiam",
    rbac,
    ["roles", "rolebindings"],
    ["create", "get", "patch", "delete", "list", "watch"],
    {
      why: "what clears the taint reads pods there",
      when: startupTaint,
    },
  ),
  move("kiam", rbac, ["roles"], ["bind"], {
    names: [kiamNames.startupTaint],
    why: "the binding of that role, which the operator makes itself from rights that it has",
    when: preview,
  }),
];

export const kubernetesRights: readonly KubernetesRight[] = [
  ...looking,
  ...movingEverywhere,
  ...movingKube2iam,
  ...movingKiam,
];
