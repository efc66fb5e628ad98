import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { workerLabel } from "../../migration/facts/clusterFacts.js";
import type { PlannedProbe, PlannedWorker } from "../../migration/plan/plan.js";
import { gate, knownUnlessHeld, whileHeld, type GateContext } from "../gate.js";

export interface WorkerAgentArgs extends GateContext {
  worker: PlannedWorker;
  probe: PlannedProbe;
}

/**
 * One worker at stage agent: a label that stands for the node, and the shadow probe, where it is
 * planned. A pod there gets its role from the agent at hostIP:8881; kiam knows a caller by its pod
 * IP, so this needs no rule and changes nothing for other pods.
 */
export class WorkerAgent extends pulumi.ComponentResource {
  /** Exists in the stack as long as the node does in the cluster. */
  readonly anchor: k8s.core.v1.NodePatch;

  constructor(name: string, args: WorkerAgentArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:WorkerAgent", name, {}, opts);
    this.anchor = new k8s.core.v1.NodePatch(
      `${name}-anchor`,
      { metadata: { name: args.worker.name, labels: { [workerLabel]: "true" } } },
      {
        parent: this,
        // Taking a patch back applies what is left of it, and that would bring a bare Node back
        // for one that has left the cluster. The fallback takes the label off the others.
        retainOnDelete: true,
      },
    );
    const { target, probe, toolDirectory } = args;
    const { uid, hostIp, steps, held } = args.worker;
    const worker = { name: args.worker.name, uid, hostIp: knownUnlessHeld(hostIp) };
    if (steps.includes("shadow-probe")) {
      gate(
        `${name}-shadow`,
        { verb: "probe-shadow", input: { target, worker, probe }, toolDirectory },
        { parent: this, dependsOn: [this.anchor], ...whileHeld(held) },
      );
    }
    if (steps.includes("return")) {
      gate(
        `${name}-return`,
        { verb: "return-worker", input: { target, worker, probe, rules: [] }, toolDirectory },
        // Not after the shadow probe: what is wrong with kiam holds up no way back.
        { parent: this, dependsOn: [this.anchor] },
      );
    }
    this.registerOutputs({});
  }
}
