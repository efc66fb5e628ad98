import * as pulumi from "@pulumi/pulumi";

import { gate, whileHeld, type ToolLocation } from "../gate.js";
import type { Target } from "../../migration/situation/target.js";

export interface Kube2iamPreStopArgs extends ToolLocation {
  target: Target;
  /** See migration/kube2iam/preStopToken.ts. */
  token: string;
  /** Whether the update goes back, which a hook that cannot be disarmed does not hold up. */
  held: boolean;
}

/**
 * kube2iam's preStop hook, where it has one that deletes nat rules, does nothing any more: taken
 * off the DaemonSet, disarmed in the running pods. It has to come before kiam's agents, whose rule
 * the hook would delete. Removing this component changes nothing: putting the hook back would
 * restart kube2iam everywhere.
 */
export class Kube2iamPreStop extends pulumi.ComponentResource {
  constructor(name: string, args: Kube2iamPreStopArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:Kube2iamPreStop", name, {}, opts);
    gate(
      name,
      {
        verb: "neutralise-prestop",
        input: { target: args.target, token: args.token },
        toolDirectory: args.toolDirectory,
      },
      { parent: this, ...whileHeld(args.held) },
    );
    this.registerOutputs({});
  }
}
