import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { findCni } from "../../facts/cni.js";
import { effectiveKube2iam } from "../../kube2iam/effective.js";
import { coversInterface, fitsInterface } from "../../rules/hostInterface.js";
import { workerNodes } from "../../situation/nodeSelection.js";
import { agentInterface } from "../../situation/target.js";
import type { Settings } from "../../settings/schema.js";
import type { Finding } from "../finding.js";
import { own } from "../../text/text.js";
import { blocksFrom } from "../severityFrom.js";

/** Whether the agent's rule is for the interface by which pods' requests come in. */
export function auditInterfaces(settings: Settings, facts: ClusterFacts): Finding[] {
  const kube2iam = effectiveKube2iam(settings, facts);
  if (kube2iam.interface === undefined) return [];
  const wanted = agentInterface(settings, { interface: kube2iam.interface });
  return [...unlikely(wanted, facts), ...missing(wanted, settings, facts)];
}

function unlikely(wanted: string, facts: ClusterFacts): Finding[] {
  const cni = findCni(facts.pods);
  if (cni === undefined || coversInterface(wanted, cni.interface)) return [];
  return [
    {
      code: "interface-unlikely",
      severity: "warns",
      object: "cluster",
      seen: `the rule of kiam's agent is to be for the interface ${wanted}, and pods of ${cni.name}, which runs here, come in by ${cni.interface}`,
      why: "a rule for another interface sees no request: pods would read the node's own role",
      fix: `look at a worker's interfaces (ip link); if it has ${cni.interface}, set kiam.hostInterface to it`,
    },
  ];
}

function missing(wanted: string, settings: Settings, facts: ClusterFacts): Finding[] {
  const ownNetwork = new Set(
    facts.pods.flatMap((pod) =>
      pod.hostNetwork || pod.phase !== "Running" ? [] : [pod.node ?? ""],
    ),
  );
  return workerNodes(settings, facts.nodes).flatMap(({ name }): Finding[] => {
    const look = own(facts.overSsh, name);
    if (look === undefined || "failed" in look) return [];
    const others = look.interfaces.filter((each) => each !== "lo");
    if (others.some((each) => fitsInterface(wanted, each))) return [];
    // A bridge, or a pod's end of its link, is made with the first pod.
    const certain = ownNetwork.has(name);
    return [
      {
        code: "interface-missing",
        severity: certain ? blocksFrom("agent", settings) : "warns",
        object: `node/${name}`,
        seen: `it has no interface that ${wanted} fits (it has: ${others.join(", ") || "none"})${certain ? "" : ", and no pod yet that would need one"}`,
        why: "the rule of kiam's agent would see no request: pods would read the node's own role",
        fix: "set kiam.hostInterface to the interface by which pods' traffic comes in",
      },
    ];
  });
}
