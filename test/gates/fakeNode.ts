/** A node without a machine: its nat chain, and what the script on workers does to it and reports. */
import { credentialRuleSpec, type System } from "../../migration/rules/natRule.js";
import type { NodeReport } from "../../migration/rules/nodeReport.js";

/** Where each system listens. */
export const ports = { kube2iam: 8181, kiam: 8881 } as const;

export interface FakeNode {
  name: string;
  hostIp: string;
  /** Whose rules are in nat/PREROUTING, first one first. */
  rules: System[];
  /** Addresses with an established connection to kube2iam. */
  connections: string[];
  /** What a probe pod is answered there. */
  verdict: "right" | "wrong";
  /** Who answers there whatever the rules say; unset: whose rule is first. */
  answers?: System;
  /** Whether its kubelet is gone: pods there neither come up nor go, and no command runs in them. */
  lost: boolean;
  /** Why the agent's own deep health check fails there; unset: it does not. */
  unhealthy?: string;
  /** Systems whose new pods do not become ready there. */
  stuck: Set<System>;
  /** What a system's pod there can tell of the tables; one that cannot read them sees no rule. */
  tables?: Partial<Record<System, NodeReport["backends"]>>;
}

/** The boot id that a node reports. */
export function bootIdOf(name: string): string {
  return `boot-of-${name}`;
}

/** Does to the node's chain what the script would, and reports as it does. */
export function runScript(
  node: FakeNode,
  verb: NodeReport["verb"],
  system: System | null,
  backends: NodeReport["backends"],
): NodeReport {
  const hidden = backends.some(({ state }) => state === "failed" || state === "absent");
  const seen = hidden ? { ...node, rules: [] } : node;
  const before = natOf(seen);
  let outcome: NodeReport["outcome"] = "ok";
  if (hidden && verb !== "inspect") outcome = "refused";
  else if (verb === "remove") {
    const other = system === "kiam" ? "kube2iam" : "kiam";
    if (node.rules.includes(other)) node.rules = node.rules.filter((each) => each !== system);
    else outcome = "refused";
  } else if (verb === "restore") {
    node.rules = ["kube2iam", ...node.rules.filter((each) => each !== "kube2iam")];
  } else if (verb === "ensure" && !node.rules.includes("kiam")) {
    node.rules.push("kiam");
  }
  const after = natOf(hidden ? { ...node, rules: [] } : node);
  return {
    ...{ version: 1, verb, system, hostIp: node.hostIp, bootId: bootIdOf(node.name), outcome },
    changed: before.nft.join() !== after.nft.join(),
    ...{ backends, before, after, removed: [], inserted: [], health: [], closed: [] },
    kube2iamRule: { backend: "nft", spec: specOf(node, "kube2iam"), source: "live" },
    kube2iamRules: [{ backend: "nft", spec: specOf(node, "kube2iam") }],
    kube2iamConnections: node.connections.map((address) => ({ address, port: 40000 })),
    findings: [],
  };
}

function specOf(node: FakeNode, system: System): string {
  const target = { address: node.hostIp, port: ports[system] };
  return credentialRuleSpec({ interface: "cni0", ...target });
}

function natOf(node: FakeNode): NodeReport["before"] {
  const placed = (system: System) =>
    node.rules.flatMap((each, index) =>
      each === system
        ? [{ backend: "nft" as const, position: index + 1, spec: specOf(node, each) }]
        : [],
    );
  return {
    nft: node.rules.map((each) => specOf(node, each)),
    legacy: [],
    kube2iam: placed("kube2iam"),
    kiam: placed("kiam"),
    inForce: node.rules[0] ?? "none",
  };
}
