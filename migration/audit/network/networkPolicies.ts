import { BlockList, isIPv6 } from "node:net";

import type { V1NetworkPolicyIngressRule as IngressRule } from "@kubernetes/client-node";

import type { NodeFacts } from "../../facts/clusterFacts.js";
import { serverLabels } from "../../kiam/names.js";
import { selects } from "../../facts/labelSelector.js";
import type { Situation } from "../../situation/situation.js";
import { blocksFrom, type Judgement } from "../judgement.js";
import { someOf } from "../../text/text.js";

/**
 * Whether NetworkPolicies in kiam's namespace keep the agents from the servers. Policies add up:
 * one rule that lets them in is enough. Agents are on the host's network, where selectors of pods
 * and namespaces say nothing about them; only a rule for all sources or for their nodes' addresses does.
 */
export function auditNetworkPolicies({ settings, facts, workers }: Situation): Judgement[] {
  const { namespace, serverPort, serverHostNetwork } = settings.kiam;
  if (serverHostNetwork) return [];
  const policies = facts.networkPolicies.filter(
    ({ ingress, podSelector }) => ingress !== undefined && selects(podSelector, serverLabels),
  );
  if (policies.length === 0) return [];
  const rules = policies
    .flatMap(({ ingress = [] }) => ingress)
    .filter((rule) => isAbout(rule, serverPort));
  if (rules.some(({ _from: from = [] }) => from.length === 0)) return [];
  const outside = notCovered(rules, workers);
  if (rules.length > 0 && outside.length === 0) return [];
  const names = policies.map((policy) => policy.name).join(", ");
  return [
    {
      code: "network-policy-blocks-agent",
      severity: rules.length === 0 ? blocksFrom("agent", settings) : "warns",
      object: `namespace/${namespace}`,
      seen:
        rules.length === 0
          ? `NetworkPolicies there (${names}) are for kiam's servers, and let nothing in on port ${serverPort}`
          : `NetworkPolicies there (${names}) let only some in on port ${serverPort} of kiam's servers, and name no address of ${someOf(outside)}`,
    },
  ];
}

function isAbout({ ports = [] }: IngressRule, wanted: number): boolean {
  return (
    ports.length === 0 ||
    ports.some(
      ({ protocol = "TCP", port, endPort }) =>
        protocol === "TCP" &&
        // The server's container names no ports, so that a name fits none.
        (port === undefined ||
          (typeof port === "number" && port <= wanted && wanted <= (endPort ?? port))),
    )
  );
}

/** Names of the nodes whose address no rule lets in. */
function notCovered(rules: readonly IngressRule[], nodes: readonly NodeFacts[]): string[] {
  const blocks = rules
    .flatMap(({ _from: from = [] }) => from)
    .flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : [ipBlock]))
    .map(({ cidr, except = [] }) => ({ within: subnets([cidr]), without: subnets(except) }));
  return nodes
    .filter(({ internalIp }) => {
      if (internalIp === undefined) return false;
      const family = isIPv6(internalIp) ? "ipv6" : "ipv4";
      return !blocks.some(
        ({ within, without }) =>
          within.check(internalIp, family) && !without.check(internalIp, family),
      );
    })
    .map((node) => node.name);
}

function subnets(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = "", bits] = cidr.split("/");
    list.addSubnet(network, Number(bits), isIPv6(network) ? "ipv6" : "ipv4");
  }
  return list;
}
