import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../migration/settings/schema.js";
import { gate, type ToolLocation } from "../gate.js";
import type { Target } from "../../migration/situation/target.js";

export interface NewNodesArgs extends ToolLocation {
  /** What whoever makes new nodes gives them, so that kube2iam stays away. */
  keepKube2iamOff: Exclude<Settings["newNodes"]["keepKube2iamOff"], "none">;
  target: Target;
}

/**
 * From stage cutover on, nodes that are born with the kiam-only taint or label never get kube2iam.
 * Removing this component lets kube2iam run on every node again, and waits until it does: it goes
 * before the cutovers, whose way back needs kube2iam there.
 */
export class NewNodes extends pulumi.ComponentResource {
  constructor(name: string, args: NewNodesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:NewNodes", name, {}, opts);
    gate(
      name,
      {
        verb: "keep-kube2iam-off",
        undo: "let-kube2iam-on",
        input: { target: args.target, by: args.keepKube2iamOff },
        toolDirectory: args.toolDirectory,
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
