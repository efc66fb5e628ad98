import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { findCni } from "../../facts/cni.js";
import { coversInterface, fitsInterface } from "../../rules/hostInterface.js";
import type { Situation } from "../../situation/situation.js";
import { agentInterface } from "../../situation/target.js";
import { own } from "../../text/text.js";
import { blocksFrom, type Judgement } from "../judgement.js";

/** Whether the agent's rule is for the interface by which pods' requests come in. */
export function auditInterfaces(situation: Situation): Judgement[] {
  const { settings, facts, kube2iam } = situation;
  if (kube2iam.interface === undefined) return [];
  const wanted = agentInterface(settings, kube2iam.interface);
  return [...unlikely(wanted, facts), ...missing(wanted, situation)];
}

function unlikely(wanted: string, facts: ClusterFacts): Judgement[] {
  const cni = findCni(facts.pods);
  if (cni === undefined || coversInterface(wanted, cni.interface)) return [];
  return [
    {
      code: "interface-unlikely",
      severity: "warns",
      object: "cluster",
      seen: `the rule of kiam's agent is to be for the interface ${wanted}, and pods of ${cni.name}, which runs here, come in by ${cni.interface}`,
      fix: `look at a worker's interfaces (ip link); if it has ${cni.interface}, set kiam.hostInterface to it`,
    },
  ];
}

function missing(wanted: string, { settings, facts, workers }: Situation): Judgement[] {
  const ownNetwork = new Set(
    facts.pods.flatMap((pod) =>
      pod.hostNetwork || pod.phase !== "Running" ? [] : [pod.node ?? ""],
    ),
  );
  return workers.flatMap(({ name }): Judgement[] => {
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
      },
    ];
  });
}
