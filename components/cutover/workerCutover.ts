import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateInput, GateVerb } from "../../gates/protocol/inputs.js";
import type { CapturedRule } from "../../migration/rules/natRule.js";
import type { PlannedProbe } from "../../migration/plan/plan.js";
import type { WorkerStep } from "../../migration/plan/steps.js";
import { commented } from "../../worker/shellWords.js";
import {
  answerOf,
  gate,
  knownUnlessHeld,
  whileHeld,
  type Gate,
  type GateArgs,
  type GateContext,
} from "../gate.js";
import { scriptCommand, scriptOverSsh, type WorkerScript } from "./workerScript.js";

export interface WorkerCutoverArgs extends GateContext, WorkerScript {
  probe: PlannedProbe;
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
  /** What every step reads. */
  private readonly known: Pick<GateInput<"recheck-worker">, "target" | "worker" | "probe">;

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
    const { name: node, uid, hostIp } = args.worker;
    this.known = {
      target: args.target,
      worker: { name: node, uid, hostIp: knownUnlessHeld(hostIp) },
      probe: args.probe,
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
            input: { ...this.known, rules, generation, kiamOnly },
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
          { verb: "probe-live", input: { ...this.known, rules, generation, kiamOnly } },
          after,
        );
    }
  }

  /** Once for each node, and before anything is done on it. */
  private askHostKey(after: pulumi.Resource[]): Gate<"ask-host-key"> {
    const { worker, ssh, toolDirectory } = this.args;
    const { name, uid, providerId, address } = worker;
    const asked = gate(
      `${this.childName}-host-key`,
      {
        verb: "ask-host-key",
        input: {
          // The plan has this step only where the settings have the program.
          command: ssh.hostKeyCommand!,
          worker: { name, uid, providerId, address: knownUnlessHeld(address) },
        },
        toolDirectory,
      },
      { ...this.options, dependsOn: after },
    );
    this.hostKey = answerOf(asked).hostKey;
    return asked;
  }

  /** Of this very node: one that is replaced under its name has a rule of its own. */
  private capture(after: pulumi.Resource[]): Gate<"capture-rule"> {
    const { target, worker } = this.known;
    const captured = this.step(
      "capture",
      { verb: "capture-rule", input: { target, worker } },
      after,
    );
    this.rules = answerOf(captured).rules;
    return captured;
  }

  private removal(after: pulumi.Resource[]): pulumi.Resource {
    const { worker } = this.args;
    if (worker.access === "exec") {
      return this.step(
        "removal",
        { verb: "remove-rule", input: { ...this.known, generation: worker.generation } },
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
   * Nothing of it ever runs a second time. A later version of the script, for one, must not take a
   * worker that is in service back to kube2iam, not even for a second.
   */
  private rehearsal(after: pulumi.Resource[]): pulumi.Resource {
    const { known, rules } = this;
    const once = {
      ...this.options,
      ignoreChanges: ["create", "stdin", "connection", "dir"],
    };
    const { access, generation } = this.args.worker;
    const step = <Verb extends GateVerb>(
      name: string,
      verb: Verb,
      input: GateArgs<Verb>["input"],
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
        ? step("restore", "restore-rule", { ...known, rules }, after)
        : overSsh(
            "restore",
            "restore",
            rules.apply((captured) => scriptCommand(this.args, "restore", { rules: captured })),
            after,
          );
    const proof = [step("proof", "rehearse-undo", { ...known, rules, access }, [restore])];
    return access === "exec"
      ? step("removal", "remove-rule", { ...known, generation }, proof)
      : overSsh(
          "removal",
          "remove",
          scriptCommand(this.args, "remove", { system: "kube2iam" }),
          proof,
        );
  }

  private step<Verb extends GateVerb, Undo extends GateVerb = Verb>(
    step: string,
    args: Pick<GateArgs<Verb, Undo>, "verb" | "undo" | "input">,
    dependsOn: pulumi.Resource[],
    options = this.options,
  ): Gate<Verb> {
    return gate(
      `${this.childName}-${step}`,
      { ...args, toolDirectory: this.args.toolDirectory },
      { ...options, dependsOn },
    );
  }
}
