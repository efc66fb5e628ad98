import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateVerb } from "../gates/protocol/inputs.js";

/** Where `gates/` is found from the directory the engine runs in; see {@link gate}. */
export interface ToolLocation {
  /** Path to this package from the directory that holds Pulumi.yaml; unset where they are the same. */
  toolDirectory?: string;
}

export interface GateArgs extends ToolLocation {
  /** Verb of gates/main.ts to run on creation and after every change of `input`. */
  verb: GateVerb;
  /** What that verb reads, and the one of `undo`; may hold outputs. */
  input: object;
  /** Verb to run when the resource goes. */
  undo?: GateVerb;
  /** Whether the result is a secret: then it is neither logged nor shown. */
  secret?: boolean;
}

/** What a resource keeps of its inputs where nothing can be done on its node now. */
const heldInputs = ["create", "delete", "stdin", "connection", "dir"];

/** Options of a resource that stays as it is while `held`, whatever the program says. */
export function whileHeld(held: boolean): Pick<pulumi.CustomResourceOptions, "ignoreChanges"> {
  return held ? { ignoreChanges: heldInputs } : {};
}

/**
 * A check or an action that runs on the machine that runs Pulumi, through the Kubernetes API.
 *
 * It is a command and not a Job: a Job that failed stays failed, and the next update would fail
 * again although the cause is mended, whereas a command whose creation failed is not in the
 * state and runs again. There is no separate update: changed input runs `verb` again in place.
 */
export function gate(
  name: string,
  args: GateArgs,
  opts: pulumi.CustomResourceOptions,
): command.local.Command {
  return new command.local.Command(
    name,
    {
      create: gateCommand(args.verb),
      delete: args.undo === undefined ? undefined : gateCommand(args.undo),
      stdin: pulumi.jsonStringify(args.input),
      dir: args.toolDirectory,
      logging: args.secret ? command.local.Logging.None : command.local.Logging.Stderr,
      addPreviousOutputInEnv: false,
    },
    args.secret ? pulumi.mergeOptions(opts, { additionalSecretOutputs: ["stdout"] }) : opts,
  );
}

function gateCommand(verb: GateVerb): string {
  // tsx as a require hook starts in half the time that its import hook takes.
  return `node --require tsx/cjs gates/main.ts ${verb}`;
}
