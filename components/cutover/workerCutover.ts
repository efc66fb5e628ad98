import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateOutput, GateVerb } from "../../gates/protocol/inputs.js";
import type { CapturedRule } from "../../migration/rules/natRule.js";
import type { PlannedProbe } from "../../migration/plan/plan.js";
import type { WorkerStep } from "../../migration/plan/steps.js";
import { commented } from "../../worker/shellWords.js";
import { gate, whileHeld, type GateArgs, type ToolLocation } from "../gate.js";
import type { GateTarget } from "../gateTarget.js";
import { scriptCommand, scriptOverSsh, type WorkerScript } from "./workerScript.js";

export interface WorkerCutoverArgs extends ToolLocation, WorkerScript {
  probe: PlannedProbe;
  target: GateTarget;
  /** Stands for the node: it goes only when the node has left the cluster, and all of this with it. */
  anchor: pulumi.Resource;
}

/**
 * One worker's cutover: the plan's steps for it (migration/plan/steps.ts), each after the one
 * before. Removing this component goes the same way back: the captured rule returns to position 1.
 *
 * A probe that fails puts the rule back by itself and fails the update.
 */
export class WorkerCutover extends pulumi.ComponentResource {
  /** The worker's public host key: that of the settings, else what their program said. */
  hostKey: pulumi.Input<string> | undefined;

  /** kube2iam's rules as captured; none before that step. */
  private rules = pulumi.output<CapturedRule[]>([]);
  private readonly args: WorkerCutoverArgs;
  private readonly childName: string;
  private readonly options: pulumi.CustomResourceOptions;

  constructor(name: string, args: WorkerCutoverArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:WorkerCutover", name, {}, opts);
    this.args = args;
    this.childName = name;
    // A worker that has left the cluster can't be reached and needs no way back.
    this.options = {
      parent: this,
      deletedWith: args.anchor,
      ...whileHeld(args.worker.held),
    };
    this.hostKey = args.worker.hostKey;
    let before: pulumi.Resource[] = [];
    for (const step of args.worker.steps) {
      const declared = this.declare(step, before);
      if (declared !== undefined) before = [declared];
    }
    this.registerOutputs({});
  }

  /** @returns what the next step waits for; undefined where the step is not of the cutover */
  private declare(step: WorkerStep, after: pulumi.Resource[]): pulumi.Resource | undefined {
    const { steps, generation } = this.args.worker;
    const { rules } = this;
    const kiamOnly = !steps.includes("remove-rule");
    switch (step) {
      case "shadow-probe":
      case "return":
        return undefined;
      case "ask-host-key":
        return this.askHostKey(after);
      case "capture":
        return this.capture(after);
      case "recheck":
        // Its undo is the way back of all that follows. Through the API, which sees the node as it
        // is then: over SSH, a node that has left, was replaced or has another key would need
        // `pulumi state delete`.
        return this.step(
          "recheck",
          {
            verb: "recheck-worker",
            undo: "return-worker",
            input: { rules, generation, kiamOnly },
          },
          after,
        );
      case "remove-rule":
        return this.removal(after);
      case "rehearse-undo":
        return this.rehearsal(after);
      case "live-probe":
        return this.step(
          "live",
          { verb: "probe-live", input: { rules, generation, kiamOnly } },
          after,
        );
    }
  }

  /** Once for each node, and before anything is done on it. */
  private askHostKey(after: pulumi.Resource[]): command.local.Command {
    const { worker, ssh, toolDirectory } = this.args;
    const { name, uid, providerId, address } = worker;
    const asked = gate(
      `${this.childName}-host-key`,
      {
        verb: "ask-host-key",
        input: { command: ssh.hostKeyCommand, worker: { name, uid, providerId, address } },
        toolDirectory,
      },
      { ...this.options, dependsOn: after },
    );
    this.hostKey = asked.stdout.apply(
      (text) => (JSON.parse(text) as GateOutput<"ask-host-key">).hostKey,
    );
    return asked;
  }

  /** Of this very node: one that is replaced under its name has a rule of its own. */
  private capture(after: pulumi.Resource[]): command.local.Command {
    const { target, worker, toolDirectory } = this.args;
    const { name, uid, hostIp } = worker;
    const captured = gate(
      `${this.childName}-capture`,
      { verb: "capture-rule", input: { target, worker: { name, uid, hostIp } }, toolDirectory },
      { ...this.options, dependsOn: after },
    );
    this.rules = captured.stdout.apply(
      (text) => (JSON.parse(text) as GateOutput<"capture-rule">).rules,
    );
    return captured;
  }

  private removal(after: pulumi.Resource[]): pulumi.Resource {
    const { worker } = this.args;
    if (worker.access === "exec") {
      return this.step(
        "removal",
        { verb: "remove-rule", input: { generation: worker.generation } },
        after,
      );
    }
    return new command.remote.Command(
      `${this.childName}-removal`,
      {
        ...scriptOverSsh(this.args, "remove", this.hostKey),
        // The generation is a comment to the shell. A new one runs the removal again, in place.
        create: commented(
          scriptCommand(this.args, "remove", { system: "kube2iam" }),
          "generation",
          worker.generation,
        ),
        logging: "stderr",
      },
      { ...this.options, dependsOn: after },
    );
  }

  /**
   * Nothing of it ever runs a second time: a later version of the script, say, must not take a
   * worker that is in service back to kube2iam, not even for a second.
   */
  private rehearsal(after: pulumi.Resource[]): pulumi.Resource {
    const { rules } = this;
    const once = {
      ...this.options,
      ignoreChanges: ["create", "stdin", "connection", "dir"],
    };
    const { access } = this.args.worker;
    const step = (
      name: string,
      verb: GateVerb,
      input: object,
      after: pulumi.Resource[],
    ): pulumi.Resource => this.step(`rehearsal-${name}`, { verb, input }, after, once);
    const overSsh = (
      name: string,
      verb: "restore" | "remove",
      create: pulumi.Input<string>,
      after: pulumi.Resource[],
    ) =>
      new command.remote.Command(
        `${this.childName}-rehearsal-${name}`,
        { ...scriptOverSsh(this.args, verb, this.hostKey), create, logging: "stderr" },
        { ...once, dependsOn: after },
      );
    const restore =
      access === "exec"
        ? step("restore", "restore-rule", { rules }, after)
        : overSsh(
            "restore",
            "restore",
            rules.apply((captured) => scriptCommand(this.args, "restore", { rules: captured })),
            after,
          );
    const proof = [step("proof", "rehearse-undo", { rules, access }, [restore])];
    return access === "exec"
      ? step("removal", "remove-rule", { generation: this.args.worker.generation }, proof)
      : overSsh(
          "removal",
          "remove",
          scriptCommand(this.args, "remove", { system: "kube2iam" }),
          proof,
        );
  }

  private step(
    step: string,
    { verb, undo, input }: Pick<GateArgs, "verb" | "undo" | "input">,
    dependsOn: pulumi.Resource[],
    options = this.options,
  ): command.local.Command {
    const { target, worker, probe, toolDirectory } = this.args;
    const known = {
      target,
      worker: { name: worker.name, uid: worker.uid, hostIp: worker.hostIp },
      probe,
    };
    return gate(
      `${this.childName}-${step}`,
      { verb, undo, input: { ...known, ...input }, toolDirectory },
      { ...options, dependsOn },
    );
  }
}
