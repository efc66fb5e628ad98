/* Looks at every node: what accounts.ts judges. */
import type { V1Node } from "@kubernetes/client-node";

import { agentNotReadyTaint } from "../../migration/facts/clusterFacts.js";
import { sh } from "../disturb.js";
import type { NodeAccount } from "./accounts.js";
import type { Scene } from "./scene.js";

/** A client has to have been answered well within so many milliseconds. */
const lately = 10_000;

export async function accountOfNodes(scene: Scene): Promise<NodeAccount[]> {
  const cluster = await scene.cluster();
  const { items } = await scene.core.listNode();
  const listed = new Map(items.map((node) => [node.metadata?.name ?? "", node]));
  const rules = await scene.rules();
  const names = new Set([...cluster.nodes.map(({ name }) => name), ...listed.keys()]);
  return Promise.all(
    [...names].sort().map(async (name): Promise<NodeAccount> => {
      const node = listed.get(name);
      const inLab = cluster.nodes.find((each) => each.name === name);
      const master = inLab?.role === "master";
      const asks = inLab !== undefined && !master;
      return {
        name,
        known: inLab === undefined ? "only the API" : node === undefined ? "only the lab" : "both",
        master,
        ready: isReady(node),
        tainted: isTainted(node),
        answers: asks ? await whoAnswers(name) : "nobody",
        rules: rules.get(name) ?? "",
        silent: asks ? await scene.silent([name], Date.now() - lately) : [],
      };
    }),
  );
}

export function isTainted(node: V1Node | undefined): boolean {
  return node?.spec?.taints?.some(({ key }) => key === agentNotReadyTaint.key) === true;
}

function isReady(node: V1Node | undefined): boolean {
  const conditions = node?.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** Asks from a client's pod on the node: kiam answers /ping, kube2iam /healthz. */
async function whoAnswers(node: string): Promise<NodeAccount["answers"]> {
  const [ping, health] = await Promise.all([asked(node, "/ping"), asked(node, "/healthz")]);
  const kiam = /\r?\n\r?\npong\s*$/.test(ping);
  const kube2iam = /"hostIP"|"instanceId"/i.test(health);
  if (kiam && kube2iam) return "both";
  return kiam ? "kiam" : kube2iam ? "kube2iam" : "nobody";
}

/** What is answered, head and all; the image of the clients holds nothing that could ask. */
async function asked(node: string, path: string): Promise<string> {
  const ask = `exec 3<>/dev/tcp/169.254.169.254/80; printf 'GET ${path} HTTP/1.0\\r\\nHost: 169.254.169.254\\r\\n\\r\\n' >&3; cat <&3`;
  return sh(
    node,
    `nsenter -t "$(pgrep -o -f '^/client ')" -n timeout 5 bash -c '${ask.replaceAll("'", "'\\''")}' 2>&1 || true`,
  );
}
