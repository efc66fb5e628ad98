import type { ClusterFacts } from "./clusterFacts.js";
import { effectiveKube2iam, effectiveRoleBaseArn } from "./effectiveKube2iam.js";
import { flagValue } from "./kube2iamFlags.js";
import { isMaster, serverNodes, untolerated, workerNodes } from "./nodeSelection.js";
import { isPermitted, resolveRoleArn } from "./permitted.js";
import type { Settings } from "./settings.js";
import { reaches } from "./stages.js";

/** Something in the cluster that stands in the way of the stage that the settings ask for. */
export interface Finding {
  /** Stable, for searching and for scripts. */
  code: FindingCode;
  severity: "blocks" | "warns" | "informs";
  /** What it is about, such as `namespace/orders`. */
  object: string;
  seen: string;
  why: string;
  fix: string;
}

export type FindingCode =
  | "annotation-managed-elsewhere"
  | "default-role-lost"
  | "host-key-unknown"
  | "interface-unknown"
  | "kube2iam-missing"
  | "kube2iam-on-server-node"
  | "namespace-missing"
  | "namespace-taken"
  | "no-server-node"
  | "no-worker"
  | "port-clash"
  | "prestop-hook"
  | "role-base-arn-unknown"
  | "role-not-assumable"
  | "role-not-permitted"
  | "role-on-server-node"
  | "server-and-agent-on-one-node"
  | "single-server"
  | "taint-not-tolerated"
  | "worker-address-unknown"
  | "worker-left-out"
  | "worker-not-listed-in-cluster"
  | "worker-not-ready"
  | "worker-role-needed";

/** Judges the cluster against the settings. Pure; sorted by severity, code and object. */
export function audit(settings: Settings, facts: ClusterFacts): Finding[] {
  const findings = [
    ...auditKube2iam(settings, facts),
    ...auditNamespaces(settings, facts),
    ...auditRoles(settings, facts),
    ...auditServers(settings, facts),
    ...auditWorkers(settings, facts),
  ];
  const rank = { blocks: 0, warns: 1, informs: 2 };
  return findings.sort(
    (a, b) =>
      rank[a.severity] - rank[b.severity] || compare(a.code, b.code) || compare(a.object, b.object),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function auditKube2iam(settings: Settings, facts: ClusterFacts): Finding[] {
  const findings: Finding[] = [];
  const kube2iam = effectiveKube2iam(settings, facts);
  const object = `daemonset/${kube2iam.namespace}/${kube2iam.daemonSet}`;
  const retired = settings.stage === "retire" && facts.recorded !== undefined;
  if (facts.kube2iam === undefined && facts.recorded === undefined) {
    findings.push({
      code: "kube2iam-missing",
      severity: "blocks",
      object,
      seen: "there is no such DaemonSet, and no earlier run recorded one",
      why: "its port and interface make the rule that is to be deleted, and its DaemonSet is the way back",
      fix: "set kube2iam.namespace and kube2iam.daemonSet to where kube2iam runs",
    });
    return findings;
  }
  if (facts.kube2iam === undefined && !retired) {
    findings.push({
      code: "kube2iam-missing",
      // Going back from stage retire puts it there again, in the same update.
      severity: "informs",
      object,
      seen: "there is no such DaemonSet now; an earlier run recorded its port and interface",
      why: "before stage retire it is there; where this program retired it, this update puts it back",
      fix: "nothing, where the stack is coming back from stage retire; otherwise apply kube2iam's DaemonSet again",
    });
  }
  if (kube2iam.interface === undefined) {
    findings.push({
      code: "interface-unknown",
      severity: "blocks",
      object,
      seen: "neither the settings nor the DaemonSet name an interface",
      why: "kiam's rule must match the traffic that kube2iam's rule matches",
      fix: "set kube2iam.interface",
    });
  }
  if (effectiveRoleBaseArn(settings, kube2iam) === undefined) {
    findings.push({
      code: "role-base-arn-unknown",
      severity: "blocks",
      object,
      seen: "kube2iam has no --base-role-arn, and kiam.roleBaseArn is not set",
      why: "pods name roles without the account; kiam has to know it (its autodetection fails where IMDSv2 is required)",
      fix: "set kiam.roleBaseArn, such as arn:aws:iam::123456789012:role/",
    });
  }
  if (kube2iam.port === settings.kiam.agentPort) {
    findings.push({
      code: "port-clash",
      severity: "blocks",
      object,
      seen: `kube2iam listens on port ${kube2iam.port}, and kiam's agent is to listen on the same`,
      why: "both run on every worker for a while",
      fix: "set kiam.agentPort to another port, such as 8881",
    });
  }
  const live = facts.kube2iam;
  if (live?.preStop !== undefined && reaches(settings.stage, "agent")) {
    findings.push({
      code: "prestop-hook",
      severity: "blocks",
      object,
      seen: `its preStop hook runs: ${live.preStop.join(" ")}`,
      why: "hooks of this kind delete every nat rule for 169.254.169.254, kiam's included: whenever a kube2iam pod goes, its worker's pods fall through to the node's own role",
      fix: "remove the hook from kube2iam's DaemonSet (with updateStrategy OnDelete, so that no pod restarts with the old hook), then run again",
    });
  }
  const defaultRole = flagValue(live?.commandLine ?? [], "default-role");
  if (defaultRole !== undefined && reaches(settings.stage, "cutover")) {
    const onWorkers = new Set(workerNodes(settings, facts.nodes).map((node) => node.name));
    const pods = facts.pods.filter(
      (pod) =>
        pod.role === undefined &&
        !pod.hostNetwork &&
        pod.node !== undefined &&
        onWorkers.has(pod.node),
    );
    const namespaces = [...new Set(pods.map((pod) => pod.namespace))].sort();
    if (pods.length > 0) {
      findings.push({
        code: "default-role-lost",
        severity: "warns",
        object,
        seen: `kube2iam gives ${pods.length} pods without a role annotation its default role ${defaultRole} (namespaces ${namespaces.join(", ")})`,
        why: "kiam has no default role: these pods get none after the cutover",
        fix: "annotate those of them that use AWS with iam.amazonaws.com/role",
      });
    }
  }
  if (live === undefined ? false : !settings.iam.trustWorkerRole) {
    findings.push({
      code: "worker-role-needed",
      severity: "blocks",
      object,
      seen: "kube2iam still runs, and iam.trustWorkerRole is off",
      why: "kube2iam assumes the application roles as the worker's role, and so does the way back",
      fix: "leave iam.trustWorkerRole on until an update at stage retire has succeeded",
    });
  }
  return findings;
}

function auditNamespaces(settings: Settings, facts: ClusterFacts): Finding[] {
  const own = facts.namespaces.find((namespace) => namespace.name === settings.kiam.namespace);
  const taken: Finding[] =
    own === undefined || own.owned
      ? []
      : [
          {
            code: "namespace-taken",
            severity: "blocks",
            object: `namespace/${own.name}`,
            seen: "it is meant for kiam, and exists already",
            why: "this program creates kiam's namespace and deletes it again with `pulumi destroy`, with everything in it",
            fix: `set kiam.namespace to a name that is free`,
          },
        ];
  return taken.concat(auditPermissions(settings, facts), auditProbe(settings, facts));
}

/** The probe's own namespace, where it is not kiam's, whose permission this program sets itself. */
function auditProbe(settings: Settings, facts: ClusterFacts): Finding[] {
  const { role, namespace } = settings.probe;
  const base = effectiveRoleBaseArn(settings, effectiveKube2iam(settings, facts));
  if (role === undefined || base === undefined) return [];
  if (namespace === undefined || namespace === settings.kiam.namespace) return [];
  const permitted =
    settings.namespaces[namespace]?.permitted ??
    facts.namespaces.find((each) => each.name === namespace)?.permitted;
  const arn = resolveRoleArn(role, base);
  if (isPermitted(permitted, arn)) return [];
  return [
    {
      code: "role-not-permitted",
      severity: "blocks",
      object: `namespace/${namespace}`,
      seen: `probe pods are to use ${arn} there, which ${JSON.stringify(permitted ?? "")} does not permit`,
      why: "no worker could be proven",
      fix: `set namespaces.${namespace}.permitted to an expression that matches ${arn}, or leave probe.namespace out`,
    },
  ];
}

function auditPermissions(settings: Settings, facts: ClusterFacts): Finding[] {
  return Object.entries(settings.namespaces).flatMap(([name, { permitted, force }]): Finding[] => {
    const namespace = facts.namespaces.find((each) => each.name === name);
    const object = `namespace/${name}`;
    if (namespace === undefined) {
      return [
        {
          code: "namespace-missing",
          severity: "blocks",
          object,
          seen: "there is no such namespace",
          why: "it can't be annotated",
          fix: `create it, or take it out of the setting namespaces`,
        },
      ];
    }
    const others = namespace.permittedManagers.filter(
      (manager) => !manager.startsWith("pulumi-kubernetes"),
    );
    if (others.length === 0 || namespace.permitted === permitted || force) return [];
    return [
      {
        code: "annotation-managed-elsewhere",
        severity: "blocks",
        object,
        seen: `iam.amazonaws.com/permitted is ${JSON.stringify(namespace.permitted)} and managed by ${others.join(", ")}; the settings want ${JSON.stringify(permitted)}`,
        why: "two managers would overwrite each other's value",
        fix: `change it there, or set namespaces.${name}.force to true to take it over`,
      },
    ];
  });
}

function auditRoles(settings: Settings, facts: ClusterFacts): Finding[] {
  const base = effectiveRoleBaseArn(settings, effectiveKube2iam(settings, facts));
  if (base === undefined) return [];
  const findings: Finding[] = [];
  const assumable = settings.iam.assumableRoles ?? [`${base}*`];
  const roles = new Map<string, { arn: string; namespaces: Set<string>; pods: string[] }>();
  for (const pod of facts.pods) {
    if (pod.role === undefined || pod.role === "" || pod.hostNetwork) continue;
    const arn = resolveRoleArn(pod.role, base);
    const permitted =
      settings.namespaces[pod.namespace]?.permitted ??
      facts.namespaces.find((each) => each.name === pod.namespace)?.permitted;
    const key = `${pod.namespace} ${arn}`;
    const known = roles.get(key) ?? { arn, namespaces: new Set([pod.namespace]), pods: [] };
    known.pods.push(pod.name);
    roles.set(key, known);
    if (known.pods.length > 1 || isPermitted(permitted, arn)) continue;
    findings.push({
      code: "role-not-permitted",
      severity: "blocks",
      object: `namespace/${pod.namespace}`,
      seen:
        permitted === undefined || permitted === ""
          ? `pods use ${arn}, and the namespace has no iam.amazonaws.com/permitted`
          : `pods use ${arn}, which ${JSON.stringify(permitted)} does not match`,
      why: "kiam gives a pod a role only if its namespace permits it; these pods would fail from the cutover on",
      fix: `set namespaces.${pod.namespace}.permitted to an expression that matches ${arn}`,
    });
  }
  const reported = new Set<string>();
  for (const { arn, pods, namespaces } of roles.values()) {
    if (reported.has(arn) || assumable.some((pattern) => matchesArn(pattern, arn))) continue;
    reported.add(arn);
    findings.push({
      code: "role-not-assumable",
      severity: "blocks",
      object: `role/${arn}`,
      seen: `pods use it (${[...namespaces][0]}/${pods[0]}), and iam.assumableRoles does not cover it`,
      why: "the kiam-server role would lack sts:AssumeRole on it: AccessDenied for these pods from the cutover on",
      fix: "add it to iam.assumableRoles",
    });
  }
  return findings;
}

/** IAM's own matching of a resource pattern: `*` any run of characters, `?` any one. */
function matchesArn(pattern: string, arn: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${expression}$`).test(arn);
}

function auditServers(settings: Settings, facts: ClusterFacts): Finding[] {
  if (!reaches(settings.stage, "server")) return [];
  const findings: Finding[] = [];
  const servers = serverNodes(settings, facts.nodes);
  if (servers.length === 0) {
    findings.push({
      code: "no-server-node",
      severity: "blocks",
      object: "cluster",
      seen:
        settings.kiam.serverNodeSelector === undefined
          ? "no node has the label node-role.kubernetes.io/master or node-role.kubernetes.io/control-plane"
          : `no node has the labels ${JSON.stringify(settings.kiam.serverNodeSelector)}`,
      why: "the kiam server has to run on nodes of its own, away from the agents",
      fix: "set kiam.serverNodeSelector to labels of the nodes that shall run it; managed masters (EKS) need a node group for it",
    });
  }
  if (servers.length === 1) {
    findings.push({
      code: "single-server",
      severity: "warns",
      object: `node/${servers[0]?.name}`,
      seen: "only this node will run the kiam server",
      why: "while it reboots no worker gets credentials that are not cached yet",
      fix: "let at least two nodes match",
    });
  }
  const workers = new Set(workerNodes(settings, facts.nodes).map((node) => node.name));
  for (const node of servers) {
    const taints = untolerated(node, settings.kiam.serverTolerations);
    if (taints.length > 0) {
      findings.push({
        code: "taint-not-tolerated",
        severity: "blocks",
        object: `node/${node.name}`,
        seen: `it has ${taints.map((taint) => `${taint.key}:${taint.effect}`).join(", ")}, which kiam.serverTolerations does not tolerate`,
        why: "the kiam server's DaemonSet would leave this master out",
        fix: "add a toleration for it to kiam.serverTolerations",
      });
    }
    if (workers.has(node.name)) {
      findings.push({
        code: "server-and-agent-on-one-node",
        severity: "blocks",
        object: `node/${node.name}`,
        seen: "it matches both as a server node and as a worker",
        why: "the agent's rule there would cut the server off from the node's credentials",
        fix: "make kiam.serverNodeSelector and workers.selector exclude each other",
      });
    }
    if (facts.kube2iam?.pods[node.name] !== undefined && !settings.kiam.serverHostNetwork) {
      findings.push({
        code: "kube2iam-on-server-node",
        severity: "blocks",
        object: `node/${node.name}`,
        seen: "kube2iam runs on it too",
        why: "its rule would intercept the kiam server's own request for the master's credentials",
        fix: "keep kube2iam off the masters, or set kiam.serverHostNetwork to true (and kiam.serverPort to a free port)",
      });
    }
    const pod = facts.pods.find(
      (each) => each.node === node.name && each.role !== undefined && !each.hostNetwork,
    );
    if (
      pod !== undefined &&
      facts.kube2iam?.pods[node.name] !== undefined &&
      reaches(settings.stage, "retire")
    ) {
      findings.push({
        code: "role-on-server-node",
        severity: "blocks",
        object: `pod/${pod.namespace}/${pod.name}`,
        seen: `it uses the role ${pod.role} on ${node.name}, where kube2iam serves it and no kiam agent runs`,
        why: "from kube2iam's retirement on it would get no credentials",
        fix: "move it to the workers",
      });
    }
  }
  return findings;
}

function auditWorkers(settings: Settings, facts: ClusterFacts): Finding[] {
  const findings: Finding[] = [];
  const workers = workerNodes(settings, facts.nodes);
  if (workers.length === 0) {
    findings.push({
      code: "no-worker",
      severity: "blocks",
      object: "cluster",
      seen: "no node matches as a worker",
      why: "there is nothing to move",
      fix: "set workers.selector or workers.list",
    });
  }
  const names = new Set(workers.map((node) => node.name));
  for (const node of facts.nodes) {
    if (node.cutoverAnnotation === undefined || names.has(node.name)) continue;
    if (!reaches(settings.stage, "agent")) continue;
    findings.push({
      code: "worker-left-out",
      severity: "blocks",
      object: `node/${node.name}`,
      seen: "it was cut over to kiam, and the settings no longer count it among the workers",
      why: "its agent would go while its pods depend on it",
      fix: "let workers.selector or workers.list match it again; to take it out, move the stack back to stage server first",
    });
  }
  for (const { name } of settings.workers.list ?? []) {
    if (facts.nodes.some((node) => node.name === name)) continue;
    findings.push({
      code: "worker-not-listed-in-cluster",
      severity: "informs",
      object: `node/${name}`,
      seen: "workers.list names it, and the cluster has no such node",
      why: "it is passed over, as a worker that left the cluster is",
      fix: "take it out of workers.list if it is gone for good",
    });
  }
  for (const node of workers) {
    const object = `node/${node.name}`;
    const addresses = {
      InternalIP: node.internalIp,
      ExternalIP: node.externalIp,
      Hostname: node.hostname,
    };
    const listed = settings.workers.list?.find((worker) => worker.name === node.name)?.address;
    if (
      node.internalIp === undefined ||
      (listed ?? addresses[settings.workers.addressType]) === undefined
    ) {
      findings.push({
        code: "worker-address-unknown",
        severity: "blocks",
        object,
        seen: `it reports ${node.internalIp === undefined ? "no InternalIP" : `no ${settings.workers.addressType}`}`,
        why: "the rules carry its internal IP, and SSH needs an address",
        fix: "set workers.addressType, or name its address in workers.list",
      });
    }
    if (!node.ready && reaches(settings.stage, "agent")) {
      findings.push({
        code: "worker-not-ready",
        severity: "blocks",
        object,
        seen: "it is not Ready",
        why: "its agent can't be proven, so it can't be moved safely",
        fix: "mend it, remove it from the cluster, or leave it out by workers.selector or workers.list",
      });
    }
    if (
      reaches(settings.stage, "cutover") &&
      settings.ssh.hostKeys[node.name] === undefined &&
      !settings.ssh.acceptUnknownHosts
    ) {
      findings.push({
        code: "host-key-unknown",
        severity: "blocks",
        object,
        seen: "ssh.hostKeys has no key for it",
        why: "without it anybody who answers at its address would be handed root commands",
        fix: `add its public host key to ssh.hostKeys (from the instance's console output, or ssh-keyscan over a path you trust), or set ssh.acceptUnknownHosts`,
      });
    }
    if (
      isMaster(node) &&
      settings.workers.selector !== undefined &&
      reaches(settings.stage, "agent")
    ) {
      findings.push({
        code: "server-and-agent-on-one-node",
        severity: "warns",
        object,
        seen: "workers.selector matches this master",
        why: "control-plane pods that use the node's own role would be cut off from it",
        fix: "make workers.selector exclude the masters",
      });
    }
  }
  return findings;
}

/** Stops an update before anything is touched, naming every blocking finding. */
export class AuditError extends Error {
  constructor(readonly findings: readonly Finding[]) {
    const count = findings.length === 1 ? "1 finding blocks" : `${findings.length} findings block`;
    super(
      `The audit has ${count} this stage; nothing was touched:\n${findings.map(describeFinding).join("\n")}`,
    );
    this.name = "AuditError";
  }
}

/** @throws AuditError where at least one finding blocks */
export function refuseBlocking(findings: readonly Finding[]): void {
  const blocking = findings.filter((finding) => finding.severity === "blocks");
  if (blocking.length > 0) throw new AuditError(blocking);
}

export function describeFinding(finding: Finding): string {
  return [
    `  - ${finding.object}: ${finding.seen} [${finding.code}]`,
    `      why: ${finding.why}`,
    `      fix: ${finding.fix}`,
  ].join("\n");
}
