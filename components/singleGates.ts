import * as pulumi from "@pulumi/pulumi";

import type { GateVerb } from "../gates/protocol/inputs.js";
import { movesToKiam, toAccountFor, type Plan, type PlannedProbe } from "../migration/plan/plan.js";
import type { Settings } from "../migration/settings/schema.js";
import { digest } from "../migration/text/digest.js";
import { gate, whileHeld, type ForwardContext, type GateArgs, type GateContext } from "./gate.js";

/*
 * The parts of the migration that are one gate each. clusterMigration.ts says in which order they
 * come. Their types and names stand in the URNs of every stack.
 */

class SingleGate<Verb extends GateVerb, Undo extends GateVerb> extends pulumi.ComponentResource {
  constructor(
    type: string,
    [name, gateName = name]: [name: string, gateName?: string],
    args: GateArgs<Verb, Undo>,
    gateOptions: pulumi.CustomResourceOptions,
    opts: pulumi.ComponentResourceOptions,
  ) {
    super(`kube2iam-to-kiam:index:${type}`, name, {}, opts);
    gate(gateName, args, { parent: this, ...gateOptions });
    this.registerOutputs({});
  }
}

/**
 * kube2iam's preStop hook, where it has one that deletes nat rules, does nothing any more: taken
 * off the DaemonSet, disarmed in the running pods. It has to come before kiam's agents, whose rule
 * the hook would delete. Removing this component changes nothing: putting the hook back would
 * restart kube2iam everywhere.
 *
 * @param token see migration/kube2iam/preStopToken.ts
 */
export function kube2iamPreStop(
  { target, toolDirectory, goesBack }: ForwardContext,
  token: string,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Resource {
  return new SingleGate(
    "Kube2iamPreStop",
    ["kube2iam-prestop"],
    { verb: "neutralise-prestop", input: { target, token }, toolDirectory },
    whileHeld(goesBack),
    opts,
  );
}

/**
 * The way back to kube2iam from stage agent and beyond, without SSH. It is created after the
 * agents and before any cutover, so it goes after the cutovers and before the agents. It then waits
 * until kube2iam's rule is on every worker and kube2iam supplies roles there, and only then removes
 * kiam's rule. An agent that went first would stop listening before its rule is gone.
 */
export function fallback(
  { target, toolDirectory, goesBack }: ForwardContext,
  probe: PlannedProbe,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Resource {
  return new SingleGate(
    "Fallback",
    ["fallback"],
    // Nothing of single workers: it looks for those that need it when the time has come.
    { verb: "check-fallback", undo: "fallback", input: { target, probe }, toolDirectory },
    { customTimeouts: { delete: "2h" }, ...whileHeld(goesBack) },
    opts,
  );
}

/**
 * The account of every node, after the last wave and before anything that needs all of them: an
 * update that had to pass over a node moves all others, and then fails naming it.
 */
export function everyNode(
  { target, toolDirectory, goesBack }: ForwardContext,
  plan: Plan,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Resource {
  const { workers, waiting } = toAccountFor(plan);
  const moved = workers.filter(movesToKiam);
  const staying = workers.filter((worker) => !movesToKiam(worker));
  const names = (of: readonly { name: string }[]) => of.map((each) => each.name).sort();
  return new SingleGate(
    "EveryNode",
    ["every-node", "every-node-accounted"],
    {
      verb: "account-for-nodes",
      input: {
        target,
        moved: names(moved),
        staying: names(staying),
        waiting: waiting.map(({ name, why }) => ({ name, why })),
        // A worker that is moved anew is accounted for anew.
        generations: digest(moved.map(({ name, generation }) => `${name} ${generation}`).sort()),
      },
      toolDirectory,
    },
    whileHeld(goesBack),
    opts,
  );
}

/**
 * From stage cutover on, nodes that are born with the kiam-only taint or label never get kube2iam.
 * Removing this component lets kube2iam run on every node again, and waits until it does: it goes
 * before the cutovers, whose way back needs kube2iam there.
 *
 * @param by what new nodes are given, so that kube2iam stays away
 */
export function newNodes(
  { target, toolDirectory }: GateContext,
  by: Exclude<Settings["newNodes"]["keepKube2iamOff"], "none">,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Resource {
  return new SingleGate(
    "NewNodes",
    ["new-nodes"],
    { verb: "keep-kube2iam-off", undo: "let-kube2iam-on", input: { target, by }, toolDirectory },
    {},
    opts,
  );
}
