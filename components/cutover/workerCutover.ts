import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateInput, GateVerb } from "../../gates/protocol/inputs.js";
import type { CapturedRule } from "../../migration/rules/natRule.js";
import type { PlannedProbe } from "../../migration/plan/plan.js";
import { commented } from "../../worker/shellWords.js";
import {
  answerOf,
  gate,
  knownUnlessHeld,
  whileHeld,
  type Gate,
  type GateArgs,
  type ToolLocation,
} from "../gate.js";
import type { Target } from "../../migration/situation/target.js";
import { scriptCommand, scriptOverSsh, type WorkerScript } from "./workerScript.js";

export interface WorkerCutoverArgs extends ToolLocation, WorkerScript {
  probe: PlannedProbe;
  target: Target;
  /** Stands for the node: it goes only when the node has left the cluster, and all of this with it. */
  anchor: pulumi.Resource;
}

/**
 * One worker's cutover: ask for its host key where the settings have none → capture kube2iam's rule → look once more that kiam's is there and the
 * agent supplies the role → delete kube2iam's over SSH → on the first canary, undo and redo that
 * once → prove through 169.254.169.254 that kiam supplies the role. Removing this component goes
 * the same way back: the captured rule returns to position 1.
 *
 * A probe that fails puts the rule back by itself and fails the update.
 */
export class WorkerCutover extends pulumi.ComponentResource {
  /** The worker's public host key: that of the settings, else what their program said. */
  readonly hostKey: pulumi.Input<string> | undefined;

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
    const { name: node, uid, hostIp, steps, generation } = args.worker;
    this.known = {
      target: args.target,
      worker: { name: node, uid, hostIp: knownUnlessHeld(hostIp) },
      probe: args.probe,
    };
    const kiamOnly = !steps.includes("remove-rule");

    const asking = steps.includes("ask-host-key") ? this.askHostKey() : undefined;
    this.hostKey = asking === undefined ? args.worker.hostKey : answerOf(asking).hostKey;
    const capture = steps.includes("capture") ? this.capture() : undefined;
    const rules =
      capture === undefined ? pulumi.output<CapturedRule[]>([]) : answerOf(capture).rules;
    let last: pulumi.Resource = this.step(
      "recheck",
      {
        verb: "recheck-worker",
        // The way back of all that follows. Through the API, which sees the node as it is then: over
        // SSH, a node that has left, was replaced or has another key would need `pulumi state delete`.
        undo: "return-worker",
        input: { ...this.known, rules, generation, kiamOnly },
      },
      [asking, capture].filter((step) => step !== undefined),
    );
    if (steps.includes("remove-rule")) last = this.removal(last);
    if (steps.includes("rehearse-undo")) last = this.rehearsal(rules, last);
    this.step(
      "live",
      { verb: "probe-live", input: { ...this.known, rules, generation, kiamOnly } },
      [last],
    );
    this.registerOutputs({});
  }

  /** Once for each node, and before anything is done on it. */
  private askHostKey(): Gate<"ask-host-key"> {
    const { worker, ssh, toolDirectory } = this.args;
    const { name, uid, providerId, address } = worker;
    return gate(
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
      this.options,
    );
  }

  /** Of this very node: one that is replaced under its name has a rule of its own. */
  private capture(): Gate<"capture-rule"> {
    const { target, worker } = this.known;
    return this.step("capture", { verb: "capture-rule", input: { target, worker } }, []);
  }

  private removal(after: pulumi.Resource): pulumi.Resource {
    const { worker } = this.args;
    if (worker.access === "exec") {
      return this.step(
        "removal",
        { verb: "remove-rule", input: { ...this.known, generation: worker.generation } },
        [after],
      );
    }
    return new command.remote.Command(
      `${this.childName}-removal`,
      {
        ...scriptOverSsh(this.args, this.hostKey),
        // The generation is a comment to the shell. A new one runs the removal again, in place.
        create: commented(
          scriptCommand(this.args, "remove", { system: "kube2iam" }),
          "generation",
          worker.generation,
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
  private rehearsal(rules: pulumi.Output<CapturedRule[]>, after: pulumi.Resource): pulumi.Resource {
    const once = {
      ...this.options,
      ignoreChanges: ["create", "stdin", "connection", "dir"],
    };
    const { known } = this;
    const { access, generation } = this.args.worker;
    const step = <Verb extends GateVerb>(
      name: string,
      verb: Verb,
      input: GateArgs<Verb>["input"],
      after: pulumi.Resource,
    ): pulumi.Resource => this.step(`rehearsal-${name}`, { verb, input }, [after], once);
    const overSsh = (name: string, create: pulumi.Input<string>, after: pulumi.Resource) =>
      new command.remote.Command(
        `${this.childName}-rehearsal-${name}`,
        { ...scriptOverSsh(this.args, this.hostKey), create, logging: "stderr" },
        { ...once, dependsOn: [after] },
      );
    const restore =
      access === "exec"
        ? step("restore", "restore-rule", { ...known, rules }, after)
        : overSsh(
            "restore",
            rules.apply((captured) => scriptCommand(this.args, "restore", { rules: captured })),
            after,
          );
    const proof = step("proof", "rehearse-undo", { ...known, rules, access }, restore);
    return access === "exec"
      ? step("removal", "remove-rule", { ...known, generation }, proof)
      : overSsh("removal", scriptCommand(this.args, "remove", { system: "kube2iam" }), proof);
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
