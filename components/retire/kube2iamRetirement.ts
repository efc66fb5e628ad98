import * as command from "@pulumi/command";
import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import type { PlannedProbe, PlannedWorker } from "../../migration/plan/plan.js";
import type { Settings } from "../../migration/settings/schema.js";
import { answerOf, gate, type GateContext } from "../gate.js";
import { commented } from "../../worker/shellWords.js";
import { scriptCommand, scriptOverSsh } from "../cutover/workerScript.js";

export interface Kube2iamRetirementArgs extends GateContext {
  probe: PlannedProbe;
  retirement: Settings["retirement"];
  ssh: Settings["ssh"];
  /** Nodes outside the workers from which kube2iam goes all the same, by name. */
  outside: string[];
  /** Workers that were moved from kube2iam and can be reached. */
  workers: WorkerToDrain[];
  /** A new one runs the closing of connections again. */
  drainAttempt: string;
}

interface WorkerToDrain {
  worker: PlannedWorker;
  /** Stands for its node. */
  anchor: k8s.core.v1.NodePatch;
  hostKey: pulumi.Input<string> | undefined;
}

/**
 * The end of kube2iam: captured with its service account and that account's rights; connections to
 * it closed, where the settings say so, on all workers at the same time; removed once no
 * connection is left, and every worker proven again. Removing this component creates what
 * is missing of kube2iam again.
 */
export class Kube2iamRetirement extends pulumi.ComponentResource {
  constructor(name: string, args: Kube2iamRetirementArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:Kube2iamRetirement", name, {}, opts);
    const { target, probe, retirement, toolDirectory } = args;
    const { waitSeconds, then, pace, closeIdleSeconds } = retirement;
    const closes = closeIdleSeconds !== undefined || then === "proceed";
    const capture = gate(
      `${name}-capture`,
      { verb: "capture-kube2iam", input: { target }, toolDirectory },
      // Taken once: afterwards there is nothing left to capture.
      { parent: this, ignoreChanges: ["create", "stdin", "dir"] },
    );
    const captured = answerOf(capture);
    const drains = closes ? args.workers.map((worker) => this.drain(worker, args)) : [];
    // Not the retirement's own undo: one that failed half-way is not in the state.
    const undo = gate(
      `${name}-undo`,
      {
        verb: "check-restore",
        undo: "restore-kube2iam",
        input: {
          target,
          probe,
          manifest: captured.manifest,
          companions: captured.companions,
        },
        toolDirectory,
      },
      { parent: this, dependsOn: [capture], customTimeouts: { delete: "2h" } },
    );
    gate(
      name,
      {
        verb: "retire-kube2iam",
        input: {
          target,
          probe,
          pace,
          outside: args.outside,
          connections: { waitSeconds, then },
          manifest: captured.manifest,
        },
        toolDirectory,
      },
      {
        parent: this,
        dependsOn: [undo, ...drains],
        // Worker after worker, and each may be waited for.
        customTimeouts: { create: "168h", update: "168h" },
      },
    );
    this.registerOutputs({});
  }

  private drain(
    { worker, anchor, hostKey }: WorkerToDrain,
    { retirement, drainAttempt, target, ssh }: Kube2iamRetirementArgs,
  ): command.remote.Command {
    const script = { worker, target, ssh };
    const drain = {
      wait: retirement.waitSeconds,
      idle: retirement.closeIdleSeconds,
      left: retirement.then === "proceed" ? ("close" as const) : undefined,
    };
    return new command.remote.Command(
      `${worker.name}-retirement-drain`,
      {
        ...scriptOverSsh(script, "drain", hostKey),
        // The attempt is a comment to the shell.
        create: commented(scriptCommand(script, "drain", drain), "attempt", drainAttempt),
        logging: "stderr",
      },
      {
        parent: this,
        // A worker that has left the cluster can't be reached.
        deletedWith: anchor,
        // Above the longest wait.
        customTimeouts: { create: "25h", update: "25h" },
      },
    );
  }
}
