import * as command from "@pulumi/command";
import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { parseNodeReport } from "../migration/nodeReport.js";
import type { Plan, PlannedProbe, PlannedWorker } from "../migration/plan.js";
import type { Settings } from "../migration/settings.js";
import { gate, type ToolLocation } from "./gate.js";
import type { GateTarget } from "./gateTarget.js";
import { ruleCommand, ruleScript } from "./node/ruleScript.js";
import { sshConnection } from "./sshConnection.js";

export interface WorkerCutoverArgs extends ToolLocation {
  worker: PlannedWorker;
  kube2iam: Plan["kube2iam"];
  agentPort: number;
  ssh: Settings["ssh"];
  probe: PlannedProbe;
  target: GateTarget;
  /** Stands for the node: it goes only when the node has left the cluster, and all of this with it. */
  anchor: k8s.core.v1.NodePatch;
}

/**
 * One worker's cutover: capture kube2iam's rule → delete it over SSH → prove through
 * 169.254.169.254 that kiam supplies the role. Removing this component goes the same way back:
 * the captured rule returns to position 1.
 *
 * A probe that fails puts the rule back by itself and fails the update.
 */
export class WorkerCutover extends pulumi.ComponentResource {
  constructor(name: string, args: WorkerCutoverArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:WorkerCutover", name, {}, opts);
    const { worker, kube2iam } = args;
    const flags = {
      hostIp: worker.hostIp,
      kube2iamPort: kube2iam.port,
      kiamPort: args.agentPort,
      interface: kube2iam.interface,
    };
    const become = args.ssh.sudo ? "sudo -n " : "";
    const overSsh = {
      connection: sshConnection(args.ssh, worker),
      stdin: ruleScript(),
      // Environment variables reach a worker only where its sshd accepts them.
      addPreviousOutputInEnv: false,
    };
    // A worker that has left the cluster can't be reached and needs no way back.
    const onThisNode = { parent: this, deletedWith: args.anchor };

    const capture = new command.remote.Command(
      `${name}-capture`,
      { ...overSsh, create: become + ruleCommand("inspect", flags), logging: "none" },
      // Taken once: after the cutover a newer script would find nothing left to capture.
      { ...onThisNode, ignoreChanges: ["stdin"] },
    );
    const rules = capture.stdout.apply((text) => {
      const { kube2iamRules, kube2iamRule } = parseNodeReport(text);
      return kube2iamRules.length > 0 || kube2iamRule === null ? kube2iamRules : [kube2iamRule];
    });

    const removal = new command.remote.Command(
      `${name}-removal`,
      {
        ...overSsh,
        // The generation is a comment to the shell. A new one runs the removal again, in place;
        // as a trigger it would replace the command and put the old rule back after the removal.
        create: `${become}${ruleCommand("remove", { system: "kube2iam", ...flags })} # generation ${worker.generation}`,
        delete: rules.apply((captured) =>
          captured.length > 0
            ? become + ruleCommand("restore", { rules: captured, ...flags })
            : noWayBack(worker.name),
        ),
        logging: "stderr",
      },
      { ...onThisNode, dependsOn: [capture] },
    );

    gate(
      `${name}-live`,
      {
        verb: "probe-live",
        undo: "forget-worker",
        input: {
          target: args.target,
          worker: { name: worker.name, hostIp: worker.hostIp },
          probe: args.probe,
          generation: worker.generation,
          rules,
        },
        toolDirectory: args.toolDirectory,
      },
      { ...onThisNode, dependsOn: [removal] },
    );
    this.registerOutputs({});
  }
}

/** Fails where it runs: a way back that does nothing must not pass for one. */
function noWayBack(worker: string): string {
  return `echo 'no rule of kube2iam is known for ${worker}: restart its kube2iam pod there' >&2; exit 1`;
}
