import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/*
 * Answers the list calls of the reader as an API server with so many nodes does, page by page.
 * Runs in a process of its own, whose memory is not measured, and ends with its parent.
 */

const nodes = Number(process.argv[2]);
const podsPerNode = Number(process.argv[3]);

/** What the kubelet and controllers leave in every object: most of its bytes. */
const managedFields = ["kubelet", "kube-controller-manager", "kubectl-client-side-apply"].map(
  (manager) => ({
    manager,
    operation: "Update",
    apiVersion: "v1",
    time: "2024-01-01T00:00:00Z",
    fieldsType: "FieldsV1",
    fieldsV1: Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `f:field-${index}`,
        { ".": {}, [`k:{"type":"Type-${index}"}`]: { "f:status": {}, "f:reason": {} } },
      ]),
    ),
  }),
);

function metadata(name: string, namespace?: string) {
  return { name, namespace, uid: `uid-of-${name}`, labels: { app: name }, managedFields };
}

function node(index: number) {
  const images = Array.from({ length: 50 }, (_, image) => ({
    names: [`registry.example.com/team/image-${image}@sha256:${"0".repeat(64)}`],
    sizeBytes: 100_000_000,
  }));
  return {
    metadata: metadata(`worker-${index}`),
    spec: {},
    status: {
      addresses: [{ type: "InternalIP", address: `10.0.${index >> 8}.${index & 255}` }],
      conditions: [{ type: "Ready", status: "True" }],
      images,
      nodeInfo: { bootID: "boot", osImage: "Ubuntu 22.04.5 LTS" },
    },
  };
}

function pod(index: number) {
  const container = {
    name: "main",
    image: "registry.example.com/team/image:1",
    env: Array.from({ length: 20 }, (_, each) => ({ name: `VARIABLE_${each}`, value: "value" })),
    ports: [{ containerPort: 8080 }],
    volumeMounts: [{ name: "token", mountPath: "/var/run/secrets" }],
  };
  return {
    metadata: {
      ...metadata(`pod-${index}`, `team-${index % 250}`),
      annotations: { "iam.amazonaws.com/role": `role-${index % 750}` },
      ownerReferences: [{ kind: "ReplicaSet", name: "set", uid: "set", controller: true }],
    },
    spec: { nodeName: `worker-${index % nodes}`, containers: [container, container] },
    status: {
      phase: "Running",
      podIP: `100.64.${(index >> 8) & 255}.${index & 255}`,
      conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
        type,
        status: "True",
        lastTransitionTime: "2024-01-01T00:00:00Z",
      })),
    },
  };
}

const lists: Record<string, { count: number; item: (index: number) => object }> = {
  "/api/v1/nodes": { count: nodes, item: node },
  "/api/v1/namespaces": {
    count: 250,
    item: (index) => ({ metadata: metadata(`team-${index}`) }),
  },
  "/api/v1/pods": { count: nodes * podsPerNode, item: pod },
};

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://localhost");
  const { count, item } = lists[url.pathname] ?? { count: 0, item: () => ({}) };
  const begin = Number(url.searchParams.get("continue") ?? 0);
  const end = Math.min(count, begin + Number(url.searchParams.get("limit") ?? count));
  const missing = /\/(daemonsets|configmaps|secrets)\//.test(url.pathname);
  const items = Array.from({ length: end - begin }, (_, index) => item(begin + index));
  response.writeHead(missing ? 404 : 200, { "content-type": "application/json" }).end(
    JSON.stringify(
      missing
        ? { kind: "Status", message: "not found" }
        : {
            items,
            // An API group's own list, of which there is only one.
            resources: [],
            metadata: { continue: end < count ? String(end) : undefined },
          },
    ),
  );
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
