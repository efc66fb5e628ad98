import * as command from "@pulumi/command";
import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import type { CapturedRule } from "../migration/natRule.js";
import { parseNodeReport } from "../migration/nodeReport.js";
import type { PlannedProbe } from "../migration/plan.js";
import { commented, quote } from "./node/shellWords.js";
import { gate, type GateArgs, type ToolLocation } from "./gate.js";
import type { GateTarget } from "./gateTarget.js";
import { scriptCommand, scriptOverSsh, type WorkerScript } from "./workerScript.js";

export interface WorkerCutoverArgs extends ToolLocation, WorkerScript {
  probe: PlannedProbe;
  target: GateTarget;
  /** Stands for the node: it goes only when the node has left the cluster, and all of this with it. */
  anchor: k8s.core.v1.NodePatch;
}

/**
 * One worker's cutover: capture kube2iam's rule → look once more that kiam's is there and the
 * agent supplies the role → delete kube2iam's over SSH → on the first canary, undo and redo that
 * once → prove through 169.254.169.254 that kiam supplies the role. Removing this component goes
 * the same way back: the captured rule returns to position 1.
 *
 * A probe that fails puts the rule back by itself and fails the update.
 */
export class WorkerCutover extends pulumi.ComponentResource {
  private readonly args: WorkerCutoverArgs;
  private readonly childName: string;
  private readonly options: pulumi.CustomResourceOptions;

  constructor(name: string, args: WorkerCutoverArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:WorkerCutover", name, {}, opts);
    this.args = args;
    this.childName = name;
    // A worker that has left the cluster can't be reached and needs no way back.
    this.options = { parent: this, deletedWith: args.anchor };
    const { steps } = args.worker;

    const capture = steps.includes("capture") ? this.capture() : undefined;
    const rules = capture?.stdout.apply(capturedRules) ?? pulumi.output<CapturedRule[]>([]);
    let last: pulumi.Resource = this.step(
      "recheck",
      {
        verb: "recheck-worker",
        // After the removal's own undo, for a removal that never got into the state.
        undo: "return-worker",
        input: { rules, generation: args.worker.generation },
      },
      capture === undefined ? [] : [capture],
    );
    if (steps.includes("remove-rule")) last = this.removal(rules, last);
    if (steps.includes("rehearse-undo")) last = this.rehearsal(rules, last);
    this.step(
      "live",
      {
        verb: "probe-live",
        undo: "forget-worker",
        input: {
          rules,
          generation: args.worker.generation,
          kiamOnly: !steps.includes("remove-rule"),
        },
      },
      [last],
    );
    this.registerOutputs({});
  }

  private capture(): command.remote.Command {
    return new command.remote.Command(
      `${this.childName}-capture`,
      {
        ...scriptOverSsh(this.args),
        create: scriptCommand(this.args, "inspect", {}),
        logging: "none",
      },
      // Taken once: after the cutover a newer script would find nothing left to capture.
      { ...this.options, ignoreChanges: ["stdin"] },
    );
  }

  private removal(
    rules: pulumi.Output<CapturedRule[]>,
    after: pulumi.Resource,
  ): command.remote.Command {
    const { worker } = this.args;
    return new command.remote.Command(
      `${this.childName}-removal`,
      {
        ...scriptOverSsh(this.args),
        // The generation is a comment to the shell. A new one runs the removal again, in place;
        // as a trigger it would replace the command and put the old rule back after the removal.
        create: commented(
          scriptCommand(this.args, "remove", { system: "kube2iam" }),
          "generation",
          worker.generation,
        ),
        delete: rules.apply((captured) =>
          captured.length > 0
            ? scriptCommand(this.args, "restore", { rules: captured })
            : noWayBack(worker.name),
        ),
        logging: "stderr",
      },
      { ...this.options, dependsOn: [after] },
    );
  }

  /**
   * Nothing of it ever runs a second time: a later version of the script, say, must not take a
   * worker that is in service back to kube2iam, not even for a second.
   */
  private rehearsal(
    rules: pulumi.Output<CapturedRule[]>,
    after: pulumi.Resource,
  ): command.remote.Command {
    const once = {
      ...this.options,
      ignoreChanges: ["create", "stdin", "connection", "dir"],
    };
    const restore = new command.remote.Command(
      `${this.childName}-rehearsal-restore`,
      {
        ...scriptOverSsh(this.args),
        create: rules.apply((captured) => scriptCommand(this.args, "restore", { rules: captured })),
        logging: "stderr",
      },
      { ...once, dependsOn: [after] },
    );
    const proof = this.step(
      "rehearsal-proof",
      { verb: "rehearse-undo", input: { rules } },
      [restore],
      once,
    );
    return new command.remote.Command(
      `${this.childName}-rehearsal-removal`,
      {
        ...scriptOverSsh(this.args),
        create: scriptCommand(this.args, "remove", { system: "kube2iam" }),
        logging: "stderr",
      },
      { ...once, dependsOn: [proof] },
    );
  }

  private step(
    step: string,
    { verb, undo, input }: Pick<GateArgs, "verb" | "undo" | "input">,
    dependsOn: pulumi.Resource[],
    options = this.options,
  ): command.local.Command {
    const { target, worker, probe, toolDirectory } = this.args;
    const known = { target, worker: { name: worker.name, hostIp: worker.hostIp }, probe };
    return gate(
      `${this.childName}-${step}`,
      { verb, undo, input: { ...known, ...input }, toolDirectory },
      { ...options, dependsOn },
    );
  }
}

function capturedRules(report: string): CapturedRule[] {
  const { kube2iamRules, kube2iamRule } = parseNodeReport(report);
  return kube2iamRules.length > 0 || kube2iamRule === null ? kube2iamRules : [kube2iamRule];
}

/** Fails where it runs: a way back that does nothing must not pass for one. */
function noWayBack(worker: string): string {
  const message = `no rule of kube2iam is known for ${worker}: restart its kube2iam pod there`;
  return `echo ${quote(message)} >&2; exit 1`;
}
