import type { Kube2iamFacts } from "../../migration/facts/clusterFacts.js";
import { kube2iamCommandLine } from "../../migration/kube2iam/flags.js";
import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import type { SettingsInput } from "../../migration/settings/schema.js";

/*
 * What kube2iam's and kiam's own repositories and charts tell people to deploy: the values alone,
 * each with where it stands. Nobody made them up for these tests.
 */

interface PublishedKube2iam {
  /** Repository and path. */
  source: string;
  image: string;
  args: string[];
  /** Command of its preStop hook. */
  preStop?: string[];
  tolerations?: Kube2iamFacts["tolerations"];
}

/** The hook that the README and the chart of kube2iam recommend [kube2iam#290]. */
const preStop = [
  "/bin/sh",
  "-c",
  "eval `iptables-save | grep 169.254.169.254 | sed s/-A/'iptables -t nat -D'/g`",
];

const readme = "jtblin/kube2iam README.md";
const hostIp = "--host-ip=$(HOST_IP)";
const node = "--node=$(NODE_NAME)";
const base = "--base-role-arn=arn:aws:iam::123456789012:role/";

export const publishedKube2iam = {
  minimal: {
    source: `${readme}, kube2iam daemonset`,
    image: "jtblin/kube2iam:latest",
    args: [base, node],
  },
  "with its own rule": {
    source: `${readme}, iptables`,
    image: "jtblin/kube2iam:latest",
    args: [base, "--iptables=true", hostIp, node],
    preStop,
  },
  weave: {
    source: `${readme}, RBAC setup`,
    image: "jtblin/kube2iam:latest",
    args: [
      "--app-port=8181",
      base,
      "--iptables=true",
      hostIp,
      "--host-interface=weave",
      "--verbose",
    ],
  },
  "OpenShift 3": {
    source: `${readme}, Using on OpenShift`,
    image: "docker.io/jtblin/kube2iam:latest",
    args: [
      "--app-port=8181",
      "--auto-discover-base-arn",
      "--iptables=true",
      hostIp,
      "--host-interface=tun0",
      "--verbose",
    ],
  },
  "OpenShift 4": {
    source: `${readme}, Using on OpenShift`,
    image: "docker.io/jtblin/kube2iam:latest",
    args: [
      "--app-port=8181",
      "--auto-discover-base-arn",
      hostIp,
      "--host-interface=tun0",
      "--verbose",
    ],
  },
  EKS: {
    source: "jtblin/kube2iam examples/eks-example.yml",
    image: "jtblin/kube2iam:latest",
    args: [
      "--auto-discover-base-arn",
      "--auto-discover-default-role=true",
      "--iptables=true",
      hostIp,
      node,
      "--host-interface=eni+",
    ],
    preStop,
  },
  "kustomize, Calico": {
    source: "jtblin/kube2iam kustomize/base and kustomize/overlays/psp_calico",
    image: "jtblin/kube2iam:latest",
    args: [
      "--auto-discover-default-role",
      "--host-interface=cali+",
      hostIp,
      "--iptables=true",
      node,
      "--verbose",
    ],
  },
  "chart of today": {
    source: "jtblin/kube2iam charts/kube2iam/values.yaml and templates/daemonset.yaml",
    image: "jtblin/kube2iam:0.0.0",
    args: [
      "--host-interface=docker0",
      node,
      "--iptables=false",
      "--app-port=8181",
      "--metrics-port=8181",
    ],
    preStop,
  },
  "chart of 2017": {
    source: "helm/charts stable/kube2iam/values.yaml, with its commented-out extraArgs",
    image: "jtblin/kube2iam:0.7.0",
    args: [
      "--host-interface=docker0",
      "--base-role-arn=arn:aws:iam::0123456789:role/",
      "--default-role=kube2iam-default",
    ],
  },
  "end-to-end tests": {
    source: "jtblin/kube2iam e2e/testdata/kube2iam-ds.yaml",
    image: "kube2iam:e2e-test",
    args: [
      "--app-port=8181",
      "--iptables=false",
      "--metadata-addr=127.0.0.1:1338",
      base,
      "--iam-role-key=iam.amazonaws.com/role",
      hostIp,
      node,
      "--host-interface=eth+",
      "--log-level=debug",
    ],
    tolerations: [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }],
  },
} as const satisfies Record<string, PublishedKube2iam>;

/** kube2iam's facts as the reader makes them of such a DaemonSet. */
export function publishedFacts(
  name: keyof typeof publishedKube2iam,
  pods: Kube2iamFacts["pods"],
): Kube2iamFacts {
  const { image, args, preStop, tolerations }: PublishedKube2iam = publishedKube2iam[name];
  const lifecycle = preStop === undefined ? undefined : { preStop: { exec: { command: preStop } } };
  const spec = { containers: [{ name: "kube2iam", image, args: [...args], lifecycle }] };
  return {
    namespace: "kube-system",
    daemonSet: "kube2iam",
    image,
    commandLine: kube2iamCommandLine(spec),
    preStop: dangerousHooks(spec),
    tolerations: tolerations ?? [],
    avoidsKiamOnly: false,
    pods,
  };
}

interface PublishedKiam {
  /** Repository and paths. */
  source: string;
  kiam: Partial<SettingsInput["kiam"]>;
}

/** kiam as its own manifests and chart have it, in the words of this program's settings. */
export const publishedKiam = {
  manifests: {
    source: "uswitch/kiam deploy/agent.yaml and deploy/server.daemonset.yaml",
    kiam: {
      image: "quay.io/uswitch/kiam:master",
      agentPort: 8181,
      hostInterface: "cali+",
      serverNodeSelector: { "kubernetes.io/role": "master" },
      serverTolerations: [],
      caHostPath: "/usr/share/ca-certificates",
    },
  },
  chart: {
    source: "uswitch/kiam helm/kiam/values.yaml",
    kiam: {
      image: "quay.io/uswitch/kiam:v4.0",
      agentPort: 8181,
      hostInterface: "cali+",
      serverNodeSelector: {},
      serverTolerations: [],
      caHostPath: "/usr/share/ca-certificates",
      sessionDuration: "15m",
    },
  },
} as const satisfies Record<string, PublishedKiam>;

/** Interfaces by CNI as kube2iam's README lists them, and the DaemonSets that such clusters run. */
export const publishedInterfaces = [
  { cni: "Calico", interface: "cali+", daemonSets: ["calico-node"] },
  { cni: "kubenet, as of kops", interface: "cbr0", daemonSets: [] },
  { cni: "the AWS VPC CNI", interface: "eni+", daemonSets: ["aws-node"] },
  {
    cni: "the AWS VPC CNI with Calico",
    interface: "eni+",
    daemonSets: ["aws-node", "calico-node"],
  },
  { cni: "Weave Net", interface: "weave", daemonSets: ["weave-net"] },
  { cni: "flannel", interface: "cni0", daemonSets: ["kube-flannel-ds"] },
  { cni: "kube-router", interface: "kube-bridge", daemonSets: ["kube-router"] },
  { cni: "Cilium", interface: "lxc+", daemonSets: ["cilium"] },
] as const;
