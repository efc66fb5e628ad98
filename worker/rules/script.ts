/**
 * The node script and the command lines that start it. Its text is put together in assemble.ts.
 *
 * Transport is the caller's: over SSH `sudo -n ${ruleCommand(…)}` with `ruleScript(verb)` on stdin;
 * through the Kubernetes API an exec of `ruleArguments(…)` with the same stdin. Either way the
 * answer on stdout is a migration/rules/nodeReport.ts document, whatever the exit status:
 *
 *   0 as asked for, 1 refused and nothing touched, 2 arguments refused (no document),
 *   3 changed but put back, 4 changed and could not be put back.
 */
import { z } from "zod";
import {
  capturedRuleProblems,
  capturedRuleSchema,
  systemSchema,
} from "../../migration/rules/natRule.js";
import { hostInterfaceSchema, hostIpSchema, portSchema } from "../../migration/settings/fields.js";
import { quote } from "../shellWords.js";
import type { RuleVerb } from "./assemble.js";

export { ruleScript, type RuleVerb } from "./assemble.js";

const workerSchema = z.object({
  /** The worker's address as kube2iam and kiam get it in HOST_IP. */
  hostIp: hostIpSchema,
  /** kube2iam's `--app-port`. */
  kube2iamPort: portSchema,
  /** The kiam agent's `--port`. */
  kiamPort: portSchema,
  /** kube2iam's `--host-interface`: completes the way back where no live rule is found. */
  interface: hostInterfaceSchema.optional(),
  /** kiam's `--host-interface`; that of kube2iam when unset. */
  kiamInterface: hostInterfaceSchema.optional(),
  /** Tries of a health check before it counts as failed, a second apart; default 3. */
  attempts: z.number().int().min(1).max(60).optional(),
});

/** Seconds, up to a day. */
const secondsSchema = z.number().int().min(0).max(86_400);

const argumentSchemas = {
  inspect: workerSchema,
  remove: workerSchema.extend({
    /** Whose rule goes. The other system takes over and must be there and healthy. */
    system: systemSchema,
  }),
  restore: workerSchema.extend({
    /** kube2iam's rules as captured (`kube2iamRules` of a report), in the order they had. */
    rules: z
      .array(capturedRuleSchema.extend({ backend: capturedRuleSchema.shape.backend.optional() }))
      .min(1),
  }),
  ensure: workerSchema.extend({
    /** Whose rule has to be there, or is appended. kube2iam's comes back by `restore`. */
    system: systemSchema.extract(["kiam"]),
  }),
  drain: workerSchema.extend({
    /** Seconds without data in either direction that make a connection idle; unset: none is. */
    idle: secondsSchema.min(1).optional(),
    /** Seconds to go on closing what becomes idle, looking once a second; 0 looks once. */
    wait: secondsSchema,
    /** What becomes of connections that are left then; default `leave`, which needs `idle`. */
    left: z.enum(["leave", "close"]).optional(),
  }),
} satisfies Record<RuleVerb, z.ZodType>;

/** What one verb or another takes, checked. */
type AnyArguments = z.output<typeof workerSchema> &
  Partial<
    z.output<typeof argumentSchemas.remove> &
      z.output<typeof argumentSchemas.restore> &
      z.output<typeof argumentSchemas.drain>
  >;

/** What each verb of the node script takes. */
export type RuleArguments = { [Verb in RuleVerb]: z.input<(typeof argumentSchemas)[Verb]> };

/**
 * The words of the command, for transports that take a list (exec through the Kubernetes API).
 * Throws with every problem at once when a value is not what its flag takes.
 */
export function ruleArguments<Verb extends RuleVerb>(
  verb: Verb,
  args: RuleArguments[Verb],
): string[] {
  const checked = argumentSchemas[verb].safeParse(args);
  if (!checked.success) {
    throw new Error(`node script, ${verb}: ${z.prettifyError(checked.error)}`);
  }
  const values: AnyArguments = checked.data;
  const { hostIp, kube2iamPort, kiamPort, rules = [] } = values;
  const problems = rules.flatMap(({ backend = "nft", spec }) =>
    capturedRuleProblems({ backend, spec }, values),
  );
  if (kube2iamPort === kiamPort) {
    problems.unshift(`kube2iam and kiam cannot share port ${kiamPort} of ${hostIp}`);
  }
  if (problems.length > 0) throw new Error(`node script, ${verb}: ${problems.join("; ")}`);
  return [
    ...["sh", "-s", "--", verb],
    ...flag("--system", values.system),
    ...flag("--host-ip", hostIp),
    ...flag("--kube2iam-port", kube2iamPort),
    ...flag("--kiam-port", kiamPort),
    ...flag("--interface", values.interface),
    ...flag("--kiam-interface", values.kiamInterface),
    ...flag("--attempts", values.attempts),
    ...rules.flatMap(({ backend, spec }) => [
      ...flag("--rule", spec),
      ...flag("--backend", backend),
    ]),
    ...flag("--idle", values.idle),
    ...flag("--wait", values.wait),
    ...flag("--left", values.left),
  ];
}

/** A flag with its value; nothing where it has none. */
function flag(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)];
}

/** The same as one shell command line, every value quoted; prefix it with `sudo -n ` over SSH. */
export function ruleCommand<Verb extends RuleVerb>(verb: Verb, args: RuleArguments[Verb]): string {
  return ruleArguments(verb, args).map(quote).join(" ");
}
