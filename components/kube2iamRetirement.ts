import * as pulumi from "@pulumi/pulumi";

import type { PlannedProbe } from "../migration/plan.js";
import type { Settings } from "../migration/settings.js";
import { gate, type ToolLocation } from "./gate.js";
import type { GateTarget } from "./gateTarget.js";

export interface Kube2iamRetirementArgs extends ToolLocation {
  probe: PlannedProbe;
  retirement: Settings["retirement"];
  target: GateTarget;
}

/**
 * The end of kube2iam: its DaemonSet is captured, and removed once no connection to it is left;
 * every worker is proven again. Removing this component applies the captured DaemonSet again.
 */
export class Kube2iamRetirement extends pulumi.ComponentResource {
  constructor(name: string, args: Kube2iamRetirementArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:Kube2iamRetirement", name, {}, opts);
    const { target, probe, retirement, toolDirectory } = args;
    const capture = gate(
      `${name}-capture`,
      { verb: "capture-kube2iam", input: { target }, toolDirectory },
      // Taken once: afterwards there is nothing left to capture.
      { parent: this, ignoreChanges: ["create", "stdin", "dir"] },
    );
    gate(
      name,
      {
        verb: "retire-kube2iam",
        undo: "restore-kube2iam",
        input: {
          target,
          probe,
          connections: retirement,
          manifest: capture.stdout.apply(
            (text) => (JSON.parse(text) as { manifest: unknown }).manifest,
          ),
        },
        toolDirectory,
      },
      { parent: this, dependsOn: [capture], customTimeouts: { create: "25h", delete: "2h" } },
    );
    this.registerOutputs({});
  }
}
