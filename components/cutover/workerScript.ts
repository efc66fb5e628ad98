import type * as pulumi from "@pulumi/pulumi";

import type { PlannedWorker } from "../../migration/plan/plan.js";
import type { Settings } from "../../migration/settings/schema.js";
import type { Target } from "../../migration/situation/target.js";
import {
  ruleCommand,
  ruleScript,
  type RuleArguments,
  type RuleVerb,
} from "../../worker/rules/script.js";
import { sshConnection } from "./sshConnection.js";

/** What the script of worker/rules/ has to know of a worker, and how to reach it there. */
export interface WorkerScript {
  worker: PlannedWorker;
  target: Target;
  ssh: Settings["ssh"];
}

/**
 * The command line for a verb of the script, the worker's own flags included. There is none for a
 * worker that reports no address: it is held, so its commands stay as they are, and one that is not
 * in the state yet fails.
 */
export function scriptCommand<Verb extends RuleVerb>(
  { worker, target: { kube2iam, kiam }, ssh }: WorkerScript,
  verb: Verb,
  args: Omit<RuleArguments[Verb], keyof RuleArguments["inspect"]>,
): string {
  if (worker.hostIp === undefined) return "exit 1";
  const flags = {
    hostIp: worker.hostIp,
    kube2iamPort: kube2iam.port,
    kiamPort: kiam.agentPort,
    interface: kube2iam.interface,
  };
  const command = ruleCommand(verb, { ...args, ...flags } as RuleArguments[Verb]);
  return (ssh.sudo ? "sudo -n " : "") + command;
}

/** The part that every `command.remote.Command` which runs this verb of the script has in common. */
export function scriptOverSsh(
  { ssh, worker }: WorkerScript,
  verb: RuleVerb,
  hostKey: pulumi.Input<string> | undefined,
) {
  return {
    connection: sshConnection(ssh, worker, hostKey),
    stdin: ruleScript(verb),
    // Environment variables reach a worker only where its sshd accepts them.
    addPreviousOutputInEnv: false,
  };
}
