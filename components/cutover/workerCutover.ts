import * as pulumi from "@pulumi/pulumi";

import type { GateVerb } from "../../gates/protocol/inputs.js";
import type { CapturedRule } from "../../migration/rules/natRule.js";
import type { PlannedProbe } from "../../migration/plan/plan.js";
import type { WorkerStep } from "../../migration/plan/steps.js";
import { allDone, askFirst, type Begins } from "../begins.js";
import {
  answerOf,
  gate,
  knownUnlessHeld,
  whileHeld,
  type Gate,
  type GateArgs,
  type GateContext,
} from "../gate.js";
import { waysOfAccess, type Access, type AccessedWorker } from "./access.js";
import type { WorkerScript } from "./workerScript.js";

export interface WorkerCutoverArgs extends GateContext, WorkerScript {
  probe: PlannedProbe;
  /** Stands for the node: it goes only when the node has left the cluster, and all of this with it. */
  anchor: pulumi.Resource;
  /** Asked before its move begins. */
  begins?: Begins;
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
  /** Comes after all the others; none where nothing is done on the worker. */
  readonly lastStep: pulumi.Resource[];

  /** kube2iam's rules as captured; none before that step. */
  private rules = pulumi.output<CapturedRule[]>([]);
  private readonly args: WorkerCutoverArgs;
  private readonly childName: string;
  private readonly options: pulumi.CustomResourceOptions;
  private readonly known: AccessedWorker["known"];
  private readonly access: Access;

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
    this.access = waysOfAccess[args.worker.access];
    this.hostKey = args.worker.hostKey;
    let before: pulumi.Resource[] = [];
    for (const step of args.worker.steps) {
      const declared = this.declare(step, before);
      if (declared !== undefined) before = [declared];
    }
    this.lastStep = before;
    this.sayWhenEnded(before);
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
        // Here its move begins: what comes before only looks.
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
          this.onceMoveMayBegin(after),
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

  private onceMoveMayBegin(after: pulumi.Resource[]): pulumi.Input<pulumi.Resource[]> {
    const { begins } = this.args;
    return begins === undefined ? after : askFirst(after, () => begins.worker());
  }

  /** @param last what comes last in its move */
  private sayWhenEnded(last: pulumi.Resource[]): void {
    const { begins } = this.args;
    if (begins === undefined) return;
    // Where a step fails, the engine begins nothing more, and nothing waits for this worker.
    allDone(last).then(
      () => begins.workerEnded(),
      () => {},
    );
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
    const options = { ...this.options, dependsOn: after };
    return this.access.remove(this.accessed(), [`${this.childName}-removal`, options], false);
  }

  /**
   * Nothing of it ever runs a second time. A later version of the script, for one, must not take a
   * worker that is in service back to kube2iam, not even for a second.
   */
  private rehearsal(after: pulumi.Resource[]): pulumi.Resource {
    const { known, rules } = this;
    const { access } = this.args.worker;
    const once = {
      ...this.options,
      ignoreChanges: ["create", "stdin", "connection", "dir"],
    };
    const name = `${this.childName}-rehearsal`;
    const restored = this.access.restore(
      this.accessed(),
      [`${name}-restore`, { ...once, dependsOn: after }],
      rules,
    );
    const proven = this.step(
      "rehearsal-proof",
      { verb: "rehearse-undo", input: { ...known, rules, access } },
      [restored],
      once,
    );
    const options = { ...once, dependsOn: [proven] };
    return this.access.remove(this.accessed(), [`${name}-removal`, options], true);
  }

  private accessed(): AccessedWorker {
    return { ...this.args, known: this.known, hostKey: this.hostKey };
  }

  private step<Verb extends GateVerb, Undo extends GateVerb = Verb>(
    step: string,
    args: Pick<GateArgs<Verb, Undo>, "verb" | "undo" | "input">,
    dependsOn: pulumi.Input<pulumi.Resource[]>,
    options = this.options,
  ): Gate<Verb> {
    return gate(
      `${this.childName}-${step}`,
      { ...args, toolDirectory: this.args.toolDirectory },
      { ...options, dependsOn },
    );
  }
}
