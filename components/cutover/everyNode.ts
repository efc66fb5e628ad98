import * as pulumi from "@pulumi/pulumi";

import { digest } from "../../migration/text/digest.js";
import type { PlannedWorker, WaitingWorker } from "../../migration/plan/plan.js";
import { gate, whileHeld, type ToolLocation } from "../gate.js";
import type { Target } from "../../migration/situation/target.js";

export interface EveryNodeArgs extends ToolLocation {
  target: Target;
  /** Workers that are cut over at the plan's stage. */
  moved: PlannedWorker[];
  /** Workers that stay on kube2iam at the plan's stage. */
  staying: PlannedWorker[];
  /** Workers that could not have their turn. */
  waiting: WaitingWorker[];
  /** Whether the update goes back, which no node holds up. */
  held: boolean;
}

/**
 * The account of every node, after the last wave and before anything that needs all of them: an
 * update that had to pass over a node moves all others, and then fails naming it.
 */
export class EveryNode extends pulumi.ComponentResource {
  constructor(name: string, args: EveryNodeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:EveryNode", name, {}, opts);
    const names = (workers: readonly { name: string }[]) => workers.map((each) => each.name).sort();
    gate(
      `${name}-accounted`,
      {
        verb: "account-for-nodes",
        input: {
          target: args.target,
          moved: names(args.moved),
          staying: names(args.staying),
          waiting: args.waiting.map(({ name, why }) => ({ name, why })),
          // A worker that is moved anew is accounted for anew.
          generations: digest(
            args.moved.map(({ name, generation }) => `${name} ${generation}`).sort(),
          ),
        },
        toolDirectory: args.toolDirectory,
      },
      { parent: this, ...whileHeld(args.held) },
    );
    this.registerOutputs({});
  }
}
