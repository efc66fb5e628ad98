import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { GateInput, GateOutput, GateVerb } from "../gates/protocol/inputs.js";
import type { Target } from "../migration/situation/target.js";

/** Where `gates/` is found from the directory the engine runs in; see {@link gate}. */
export interface ToolLocation {
  /** Path to this package from the directory that holds Pulumi.yaml; unset where they are the same. */
  toolDirectory?: string;
}

/** What the migration's gates have in common. */
export interface GateContext extends ToolLocation {
  target: Target;
}

/** The same, for gates that only the way forward needs. */
export interface ForwardContext extends GateContext {
  /** Whether the update goes back: then they do not run, and what was verified stands. */
  goesBack: boolean;
}

/** A value of which any part may be an output of another resource. */
type Wrapped<T> = pulumi.Input<T> | (T extends object ? WrappedMembers<T> : never);

type WrappedMembers<T> = { [Key in keyof T]: Wrapped<T[Key]> };

/** Members of a gate's input that no gate reads: another value only makes it run again. */
export interface RerunOn {
  /** Generation of the object that was checked: one that was changed is checked anew. */
  revision?: pulumi.Input<number>;
  /** Digest of the generations of the workers' cutovers: one that is moved anew is checked anew. */
  generations?: string;
}

export interface GateArgs<
  Verb extends GateVerb,
  Undo extends GateVerb = Verb,
> extends ToolLocation {
  /** Verb of gates/main.ts to run on creation and after every change of `input`. */
  verb: Verb;
  /**
   * What that verb reads, and the one of `undo`. The state holds it as text: another order of
   * members runs the gate again in every stack.
   */
  input: WrappedMembers<GateInput<Verb> & GateInput<Undo>> & RerunOn;
  /** Verb to run when the resource goes. */
  undo?: Undo;
  /** Whether the result is a secret: then it is neither logged nor shown. */
  secret?: boolean;
}

declare const verbOf: unique symbol;

/** A gate in the stack. Which verb it runs is known to the compiler alone. */
export type Gate<Verb extends GateVerb> = command.local.Command & { readonly [verbOf]?: Verb };

/** What a resource keeps of its inputs where nothing can be done on its node now. */
const heldInputs = ["create", "delete", "stdin", "connection", "dir"];

/** Options of a resource that stays as it is while `held`, whatever the program says. */
export function whileHeld(held: boolean): Pick<pulumi.CustomResourceOptions, "ignoreChanges"> {
  return held ? { ignoreChanges: heldInputs } : {};
}

/**
 * What every worker has, unless it is held. A gate of a held worker keeps the input that is in the
 * state; one that is not in the state yet fails, and says which member is missing.
 */
export function knownUnlessHeld<T>(value: T | undefined): T {
  return value as T;
}

/**
 * A check or an action that runs on the machine that runs Pulumi, through the Kubernetes API.
 *
 * It is a command and not a Job: a Job that failed stays failed, and the next update would fail
 * again although the cause is mended, whereas a command whose creation failed is not in the
 * state and runs again. There is no separate update: changed input runs `verb` again in place.
 */
export function gate<Verb extends GateVerb, Undo extends GateVerb = Verb>(
  name: string,
  args: GateArgs<Verb, Undo>,
  opts: pulumi.CustomResourceOptions,
): Gate<Verb> {
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

/**
 * What the gate answered. It is not parsed by the verb's schema: it may be in the state since an
 * earlier version, and the schema would give it back in another order, which runs gates again.
 */
export function answerOf<Verb extends GateVerb>(
  answered: Gate<Verb>,
): pulumi.Output<GateOutput<Verb>> {
  return answered.stdout.apply((text) => JSON.parse(text) as GateOutput<Verb>);
}

function gateCommand(verb: GateVerb): string {
  // tsx as a require hook starts in half the time that its import hook takes.
  return `node --require tsx/cjs gates/main.ts ${verb}`;
}
