import type { ClusterFacts, NodeFacts, PodFacts } from "../migration/facts/clusterFacts.js";
import type { ApplicationRoleFacts, IamFacts } from "../migration/facts/iamFacts.js";
import type { Kube2iamLogFacts } from "../migration/kube2iam/log.js";
import { parseSettings } from "../migration/settings/parse.js";
import type { Settings } from "../migration/settings/schema.js";
import type { WorkerLook } from "../migration/facts/workerLook.js";

/*
 * A cluster of any size, the same for the same size: every 10th thing has something wrong, so that
 * findings are made. Facts of every kind are there: the audit leaves nothing out.
 */

const account = "123456789012";
const base = `arn:aws:iam::${account}:role/`;
const serverArn = `${base}kiam-server`;
const workerArn = `${base}nodes.example.com`;

/** So many nodes share a namespace's pods: a cluster four times as large has four times as many teams. */
const nodesPerNamespace = 4;

const namespaceName = (index: number) => `team-${index}`;
const roleName = (namespace: number, pod: number) => `team-${namespace}-app-${pod % 3}`;

export function generatedCluster(
  count: number,
  podsPerNode: number,
): { settings: Settings; facts: ClusterFacts } {
  const workers = Array.from({ length: count }, (_, index) => node(`worker-${index}`, index));
  const nodes = [...Array.from({ length: 3 }, (_, index) => master(index)), ...workers];
  const namespaces = Math.ceil(count / nodesPerNamespace);
  const pods = workers.flatMap((worker, index) =>
    Array.from({ length: podsPerNode }, (_, number) =>
      pod(worker.name, index, number, Math.floor((index + number) % namespaces)),
    ),
  );
  return {
    settings: settings(workers),
    facts: {
      nodes,
      namespaces: Array.from({ length: namespaces }, (_, index) => ({
        name: namespaceName(index),
        labels: {},
        owned: false,
        permitted: index % 10 === 0 ? undefined : `${base}${namespaceName(index)}-app-.*`,
        permittedManagers: ["kubectl-client-side-apply"],
        allowedRoles: index % 10 === 0 ? `["${namespaceName(index)}-*"]` : undefined,
      })),
      pods,
      kube2iam: {
        namespace: "kube-system",
        daemonSet: "kube2iam",
        image: "jtblin/kube2iam:0.11.1",
        commandLine: [
          `--base-role-arn=${base}`,
          "--host-interface=cali+",
          "--iptables",
          "--default-role=everybody",
        ],
        preStop: [],
        tolerations: [],
        avoidsKiamOnly: false,
        pods: Object.fromEntries(
          workers.map(({ name }, index) => [name, { uid: `uid-${index}`, ready: index % 10 > 0 }]),
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
      overSsh: Object.fromEntries(workers.map(({ name }, index) => [name, look(index)])),
      kube2iamLog: log(workers, pods),
      iam: iam(namespaces),
    },
  };
}

function settings(workers: readonly NodeFacts[]): Settings {
  const keyed = workers.filter((_, index) => index % 10 > 0);
  return parseSettings({
    stage: "cutover",
    kiam: { region: "eu-west-1" },
    iam: { masterRoleName: "masters.example.com", workerRoleName: "nodes.example.com" },
    ssh: {
      privateKey: "no key",
      hostKeys: Object.fromEntries(keyed.map(({ name }) => [name, "ssh-ed25519 AAAA"])),
    },
    workers: { canaries: ["worker-1"] },
    probe: { role: "kiam-probe" },
  });
}

function node(name: string, index: number): NodeFacts {
  return {
    name,
    uid: `uid-${index}`,
    labels: { "kubernetes.io/hostname": name, "kops.k8s.io/instancegroup": `group-${index % 8}` },
    taints: [],
    internalIp: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    externalIp: undefined,
    hostname: name,
    providerId: undefined,
    ready: true,
    leaving: false,
    bootId: `boot-${index}`,
    osImage: "Ubuntu 22.04.5 LTS",
    cutoverAnnotation: undefined,
  };
}

function master(index: number): NodeFacts {
  const made = node(`master-${index}`, 60_000 + index);
  return { ...made, labels: { ...made.labels, "node-role.kubernetes.io/control-plane": "" } };
}

function pod(node: string, index: number, number: number, namespace: number): PodFacts {
  return {
    namespace: namespaceName(namespace),
    name: `app-${index}-${number}`,
    node,
    ip: `100.${64 + (index >> 8)}.${index & 255}.${number + 1}`,
    role: number % 10 === 0 ? undefined : roleName(namespace, number),
    hostNetwork: number % 10 === 9,
    phase: "Running",
    hostPorts: [],
    controller: number % 10 === 5 ? "Job" : "ReplicaSet",
  };
}

function look(index: number): WorkerLook {
  const rule =
    "-A PREROUTING -d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181";
  return {
    interfaces: ["lo", "eth0", ...Array.from({ length: 30 }, (_, each) => `cali${index}x${each}`)],
    listening: [22, 8181, 10250].map((port) => ({ port, program: undefined })),
    natRules: [{ backend: "nft", rules: [rule] }],
    inForce: "kube2iam",
    kube2iamRules: [],
    serversBlocked: [],
  };
}

/** One pod in ten asks for the instance's identity, every tenth of them all the time. */
function log(workers: readonly NodeFacts[], pods: readonly PodFacts[]): Kube2iamLogFacts {
  const asking = pods.filter((_, index) => index % 10 === 3);
  return {
    requests: asking.length * 10,
    paths: [
      {
        path: "/latest/dynamic/instance-identity/document",
        requests: asking.length,
        askers: asking.map(({ namespace, name }) => ({
          who: `${namespace}/${name}`,
          namespace,
          requests: 1,
        })),
      },
    ],
    credentials: Object.fromEntries(pods.map(({ namespace, name }) => [`${namespace}/${name}`, 4])),
    churning: asking
      .filter((_, index) => index % 10 === 0)
      .map(({ namespace, name }) => ({ namespace, name, requests: 600, minutes: 60 })),
    minutes: Object.fromEntries(workers.map(({ name }) => [name, 60])),
    unread: [],
  };
}

function iam(namespaces: number): IamFacts {
  const arns = Array.from({ length: namespaces * 3 }, (_, index) => {
    return `${base}${roleName(Math.floor(index / 3), index)}`;
  });
  return {
    serverRole: { arn: serverArn, id: "AROASERVER", exists: true },
    mastersMayAssumeServer: { verdict: "allowed", reasons: [] },
    workerRoleArn: workerArn,
    roles: Object.fromEntries(arns.map((arn, index) => [arn, role(arn, index)])),
    account: [...arns, serverArn, workerArn].sort(),
    unread: [],
  };
}

function role(arn: string, index: number): ApplicationRoleFacts {
  const trusted = index % 10 > 0;
  return {
    arn,
    id: `AROA${index}`,
    exists: true,
    trust: {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: "sts:AssumeRole",
          Principal: { AWS: trusted ? [workerArn, serverArn] : workerArn },
        },
      ],
    },
    trustsServer: trusted ? "allowed" : "denied",
    trustDenies: false,
    trustsWorker: "allowed",
    serverMay: "allowed",
    reasons: [],
    serverReasons: [],
    tried: undefined,
  };
}
