import * as command from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";

import type { GateInput } from "../../gates/protocol/inputs.js";
import type { PlannedWorker } from "../../migration/plan/plan.js";
import type { CapturedRule } from "../../migration/rules/natRule.js";
import { commented } from "../../worker/shellWords.js";
import { gate, type ToolLocation } from "../gate.js";
import { scriptCommand, scriptOverSsh, type WorkerScript } from "./workerScript.js";

/** A worker, as every way of access has to know it. */
export interface AccessedWorker extends WorkerScript, ToolLocation {
  /** What every gate of its cutover reads. */
  known: Pick<GateInput<"recheck-worker">, "target" | "worker" | "probe">;
  hostKey: pulumi.Input<string> | undefined;
}

/** Name and options of the resource that is declared. */
export type Declared = [name: string, options: pulumi.CustomResourceOptions];

/** What a way of access to a worker declares (`workers.access`). */
export interface Access {
  /**
   * Deletes kube2iam's rule.
   *
   * @param rehearses whether this is the rehearsal's, which another generation must not run again
   */
  remove(worker: AccessedWorker, declared: Declared, rehearses: boolean): pulumi.Resource;
  /** Puts the rules back as they were captured, in front. */
  restore(
    worker: AccessedWorker,
    declared: Declared,
    rules: pulumi.Output<CapturedRule[]>,
  ): pulumi.Resource;
}

/** Each way of access there is. */
export const waysOfAccess: Record<PlannedWorker["access"], Access> = {
  ssh: {
    remove(worker, declared, rehearses) {
      const create = scriptCommand(worker, "remove", { system: "kube2iam" });
      return overSsh(
        worker,
        declared,
        "remove",
        // The generation is a comment to the shell. A new one runs the removal again, in place.
        rehearses ? create : commented(create, "generation", worker.worker.generation),
      );
    },
    restore: (worker, declared, rules) =>
      overSsh(
        worker,
        declared,
        "restore",
        rules.apply((captured) => scriptCommand(worker, "restore", { rules: captured })),
      ),
  },
  exec: {
    remove: ({ known, worker, toolDirectory }, [name, options]) =>
      gate(
        name,
        {
          verb: "remove-rule",
          input: { ...known, generation: worker.generation },
          toolDirectory,
        },
        options,
      ),
    restore: ({ known, toolDirectory }, [name, options], rules) =>
      gate(name, { verb: "restore-rule", input: { ...known, rules }, toolDirectory }, options),
  },
};

function overSsh(
  worker: AccessedWorker,
  [name, options]: Declared,
  verb: "remove" | "restore",
  create: pulumi.Input<string>,
): pulumi.Resource {
  const script = scriptOverSsh(worker, verb, worker.hostKey);
  return new command.remote.Command(name, { ...script, create, logging: "stderr" }, options);
}
