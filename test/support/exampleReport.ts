import type { NodeReport } from "../../migration/rules/nodeReport.js";

const state: NodeReport["before"] = {
  nft: [],
  legacy: [],
  kube2iam: [],
  kiam: [],
  inForce: "none",
};

/** A report of the node script on a worker without any rule. */
export function exampleReport(change: Partial<NodeReport> = {}): NodeReport {
  return {
    version: 1,
    verb: "inspect",
    system: null,
    hostIp: "10.0.0.1",
    bootId: "b",
    outcome: "ok",
    changed: false,
    backends: [],
    before: state,
    after: state,
    removed: [],
    inserted: [],
    kube2iamRule: null,
    kube2iamRules: [],
    health: [],
    kube2iamConnections: [],
    closed: [],
    findings: [],
    ...change,
  };
}
