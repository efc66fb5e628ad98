import type {
  ClusterFacts,
  NamespaceFacts,
  NodeFacts,
  PodFacts,
} from "../../migration/facts/clusterFacts.js";
import type { ApplicationRoleFacts, IamFacts } from "../../migration/facts/iamFacts.js";
import { parseSettings } from "../../migration/settings/parse.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import { situationOf, type Situation } from "../../migration/situation/situation.js";

/*
 * A small cluster as kops makes it, and settings that fit it. Tests change what they are about.
 */

export const account = "123456789012";
export const roleBaseArn = `arn:aws:iam::${account}:role/`;

export function exampleNode(
  name: string,
  internalIp: string,
  change: Partial<NodeFacts> = {},
): NodeFacts {
  return {
    name,
    uid: `uid-of-${name}`,
    labels: { "kubernetes.io/hostname": name, "node-role.kubernetes.io/node": "" },
    taints: [],
    internalIp,
    externalIp: undefined,
    hostname: name,
    providerId: undefined,
    ready: true,
    leaving: false,
    bootId: `boot-of-${name}`,
    osImage: "Ubuntu 22.04.5 LTS",
    cutoverAnnotation: undefined,
    ...change,
  };
}

export function exampleMaster(name = "master-1", internalIp = "10.0.0.10"): NodeFacts {
  return exampleNode(name, internalIp, {
    labels: { "kubernetes.io/hostname": name, "node-role.kubernetes.io/control-plane": "" },
    taints: [
      { key: "node-role.kubernetes.io/control-plane", value: undefined, effect: "NoSchedule" },
    ],
  });
}

export function exampleNamespace(
  name: string,
  change: Partial<NamespaceFacts> = {},
): NamespaceFacts {
  return {
    name,
    labels: { "kubernetes.io/metadata.name": name },
    owned: false,
    permitted: undefined,
    permittedManagers: [],
    allowedRoles: undefined,
    ...change,
  };
}

/** A running pod without a role, on worker-1. */
export function examplePod(
  namespace: string,
  name: string,
  change: Partial<PodFacts> = {},
): PodFacts {
  return {
    namespace,
    name,
    node: "worker-1",
    ip: undefined,
    role: undefined,
    hostNetwork: false,
    phase: "Running",
    hostPorts: [],
    controller: "ReplicaSet",
    ...change,
  };
}

export function exampleFacts(change: Partial<ClusterFacts> = {}): ClusterFacts {
  const workers = ["worker-1", "worker-2", "worker-3"];
  return {
    nodes: [
      exampleMaster(),
      exampleMaster("master-2", "10.0.0.9"),
      ...workers.map((name, index) => exampleNode(name, `10.0.0.1${index + 1}`)),
    ],
    namespaces: [exampleNamespace("orders"), exampleNamespace("payments")],
    pods: [
      examplePod("orders", "orders-1", { node: "worker-1", role: "app-orders" }),
      examplePod("payments", "payments-1", {
        node: "worker-2",
        role: "teams/payments/app-payments",
      }),
    ],
    kube2iam: {
      namespace: "kube-system",
      daemonSet: "kube2iam",
      image: "jtblin/kube2iam:0.11.1",
      commandLine: [
        `--base-role-arn=${roleBaseArn}`,
        "--host-interface=cni0",
        "--app-port=8181",
        "--iptables=true",
      ],
      preStop: [],
      tolerations: [],
      avoidsKiamOnly: false,
      pods: Object.fromEntries(
        workers.map((name) => [name, { uid: `kube2iam-on-${name}`, ready: true }]),
      ),
    },
    recorded: undefined,
    notes: {},
    agents: [],
    agentPorts: {},
    rules: {},
    networkPolicies: [],
    certificates: [],
    admissionPolicies: true,
    observedAt: "2024-01-01T00:00:00.000Z",
    overSsh: undefined,
    kube2iamLog: undefined,
    iam: undefined,
    ...change,
  };
}

/** What IAM says of {@link exampleFacts}' roles where everything is as it should be. */
export function exampleIam(change: Partial<IamFacts> = {}): IamFacts {
  const server = `${roleBaseArn}kiam-server`;
  const roles = ["app-orders", "kiam-probe", "teams/payments/app-payments"].map((name) =>
    exampleRole(`${roleBaseArn}${name}`),
  );
  return {
    serverRole: { arn: server, id: "AROAEXAMPLESERVER", exists: true },
    mastersMayAssumeServer: { verdict: "allowed", reasons: [] },
    workerRoleArn: `${roleBaseArn}nodes.example.com`,
    roles: Object.fromEntries(roles.map((role) => [role.arn, role])),
    account: roles.map(({ arn }) => arn),
    unread: [],
    ...change,
  };
}

/** An application role that trusts the kiam-server role and the workers' role. */
export function exampleRole(
  arn: string,
  change: Partial<ApplicationRoleFacts> = {},
): ApplicationRoleFacts {
  return {
    arn,
    id: "AROAEXAMPLEAPP",
    exists: true,
    trust: {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: [`${roleBaseArn}nodes.example.com`, `${roleBaseArn}kiam-server`] },
          Action: "sts:AssumeRole",
        },
      ],
    },
    trustsServer: "allowed",
    trustDenies: false,
    trustsWorker: "allowed",
    serverMay: "allowed",
    reasons: [],
    serverReasons: [],
    tried: undefined,
    ...change,
  };
}

export function exampleSettings(change: Partial<SettingsInput> = {}): SettingsInput {
  return {
    stage: "retire",
    kiam: { region: "eu-west-1" },
    namespaces: {
      orders: { permitted: `arn:aws:iam::${account}:role/app-orders` },
      payments: { permitted: `arn:aws:iam::${account}:role/teams/payments/.*` },
    },
    iam: {
      masterRoleName: "masters.example.com",
      workerRoleName: "nodes.example.com",
      applicationRoles: [{ name: "kiam-probe" }],
    },
    ssh: {
      privateKey: "the private key",
      hostKeys: {
        "worker-1": "ssh-ed25519 AAAA1",
        "worker-2": "ssh-ed25519 AAAA2",
        "worker-3": "ssh-ed25519 AAAA3",
      },
    },
    workers: { canaries: ["worker-2"], waveSize: 1 },
    probe: { role: "kiam-probe" },
    newNodes: { guardedBy: "hopLimit" },
    ...change,
  };
}

/** The example cluster with these changes, and what follows from it. */
export function exampleSituation(
  settings: Partial<SettingsInput> = {},
  facts: Partial<ClusterFacts> = {},
): Situation {
  return situationOf(parseSettings(exampleSettings(settings)), exampleFacts(facts));
}
