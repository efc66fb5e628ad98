import * as pulumi from "@pulumi/pulumi";

import type { PlannedProbe } from "../../migration/plan/plan.js";
import { gate, whileHeld, type ToolLocation } from "../gate.js";
import type { Target } from "../../migration/situation/target.js";

export interface FallbackArgs extends ToolLocation {
  probe: PlannedProbe;
  target: Target;
  /** Whether the update goes back: then it is not seen again whether one could. */
  held: boolean;
}

/**
 * The way back to kube2iam from stage agent and beyond, without SSH. It is created after the
 * agents and before any cutover, so that it goes after the cutovers and before the agents: then
 * it sees to it that kube2iam's rule is on every worker and kube2iam supplies roles there, and
 * only then removes kiam's rule. An agent that went first would stop listening before its rule
 * is gone.
 */
export class Fallback extends pulumi.ComponentResource {
  constructor(name: string, args: FallbackArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:Fallback", name, {}, opts);
    gate(
      name,
      {
        verb: "check-fallback",
        undo: "fallback",
        // Nothing of single workers: they are found by their label when the time has come.
        input: { target: args.target, probe: args.probe },
        toolDirectory: args.toolDirectory,
      },
      { parent: this, customTimeouts: { delete: "2h" }, ...whileHeld(args.held) },
    );
    this.registerOutputs({});
  }
}
