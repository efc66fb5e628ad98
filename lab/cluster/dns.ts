import { AWS_NAMES, CLUSTER_DOMAIN, DNS_ADDRESS, VPC_ADDRESS } from "./topology.js";

const LABELS = { "k8s-app": "kube-dns" };

/**
 * The zone "." given to the kubernetes plugin is what makes any other name NXDOMAIN at once:
 * a look-up without an answer would cost its caller seconds.
 */
const COREFILE = `.:53 {
    errors
    health :8080
    ready :8181
    cache 5
    hosts {
${AWS_NAMES.map((name) => `        ${VPC_ADDRESS} ${name}`).join("\n")}
        fallthrough
    }
    kubernetes ${CLUSTER_DOMAIN} in-addr.arpa ip6.arpa . {
        pods insecure
        ttl 5
    }
}
`;

const ROLE = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: "system:coredns" },
  rules: [
    {
      apiGroups: [""],
      resources: ["endpoints", "services", "pods", "namespaces"],
      verbs: ["list", "watch"],
    },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
  ],
};

const named = (name: string) => ({ name, namespace: "kube-system" });

/**
 * The cluster's DNS: one CoreDNS on the master, so that what is done to workers never disturbs
 * it. It forwards nothing; the names of AWS are the VPC's address.
 */
export function dnsManifests(image: string): object[] {
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: named("coredns") },
    ROLE,
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "system:coredns" },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: "system:coredns",
      },
      subjects: [{ kind: "ServiceAccount", ...named("coredns") }],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: named("coredns"),
      data: { Corefile: COREFILE },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...named("kube-dns"), labels: LABELS },
      spec: {
        clusterIP: DNS_ADDRESS,
        selector: LABELS,
        ports: [
          { name: "dns", port: 53, protocol: "UDP" },
          { name: "dns-tcp", port: 53, protocol: "TCP" },
        ],
      },
    },
    deployment(image),
  ];
}

function deployment(image: string): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { ...named("coredns"), labels: LABELS },
    spec: {
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: "coredns",
          priorityClassName: "system-cluster-critical",
          nodeSelector: { "node-role.kubernetes.io/control-plane": "" },
          tolerations: [{ operator: "Exists" }],
          dnsPolicy: "Default",
          containers: [
            {
              name: "coredns",
              image,
              imagePullPolicy: "IfNotPresent",
              command: ["/coredns", "-conf", "/etc/coredns/Corefile"],
              ports: [
                { containerPort: 53, protocol: "UDP" },
                { containerPort: 53, protocol: "TCP" },
              ],
              readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
              volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
            },
          ],
          volumes: [{ name: "config", configMap: { name: "coredns" } }],
        },
      },
    },
  };
}
