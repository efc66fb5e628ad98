import { enter } from "./namespaces.js";
import { OPERATOR, SSH_USER } from "./topology.js";
import type { Cluster } from "./cluster.js";

/** For a person who keeps the lab: how to use kubectl and ssh with it, and where its logs are. */
export function describeAccess(cluster: Cluster, kubectl = "kubectl"): string {
  const { paths } = cluster;
  const inside = `sudo ${enter(OPERATOR, paths.directory).join(" ")}`;
  const worker = cluster.workers[0]?.address ?? "<worker>";
  return [
    "The lab's network is its own: commands reach it from the operator's network namespace.",
    `  kubectl  ${inside} ${kubectl} --kubeconfig ${paths.kubeconfig} get nodes`,
    `  ssh      ${inside} ssh -i ${paths.ssh.key} -o UserKnownHostsFile=${paths.ssh.knownHosts} ${SSH_USER}@${worker}`,
    `  a shell  ${inside} env KUBECONFIG=${paths.kubeconfig} bash`,
    `  logs     ${paths.logs}/<component>-<node>.log; of pods: ${paths.nodes}/<node>/var-log/pods`,
    "  nodes    " + cluster.nodes.map((node) => `${node.name} ${node.address}`).join(", "),
    "Take it down with: npm start -- --down",
  ].join("\n");
}
