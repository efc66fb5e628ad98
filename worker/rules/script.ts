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
  const values: z.output<typeof workerSchema> & {
    system?: string;
    rules?: { backend?: "nft" | "legacy"; spec: string }[];
    idle?: number;
    wait?: number;
    left?: "leave" | "close";
  } = checked.data;
  if (values.kube2iamPort === values.kiamPort) {
    throw new Error(
      `node script, ${verb}: kube2iam and kiam cannot share port ${values.kiamPort} of ${values.hostIp}`,
    );
  }
  const problems = (values.rules ?? []).flatMap((rule) =>
    capturedRuleProblems({ backend: rule.backend ?? "nft", spec: rule.spec }, values),
  );
  if (problems.length > 0) throw new Error(`node script, ${verb}: ${problems.join("; ")}`);

  const words = ["sh", "-s", "--", verb];
  if (values.system !== undefined) words.push("--system", values.system);
  words.push("--host-ip", values.hostIp);
  words.push("--kube2iam-port", String(values.kube2iamPort));
  words.push("--kiam-port", String(values.kiamPort));
  if (values.interface !== undefined) words.push("--interface", values.interface);
  if (values.kiamInterface !== undefined) words.push("--kiam-interface", values.kiamInterface);
  if (values.attempts !== undefined) words.push("--attempts", String(values.attempts));
  for (const rule of values.rules ?? []) {
    words.push("--rule", rule.spec);
    if (rule.backend !== undefined) words.push("--backend", rule.backend);
  }
  if (values.idle !== undefined) words.push("--idle", String(values.idle));
  if (values.wait !== undefined) words.push("--wait", String(values.wait));
  if (values.left !== undefined) words.push("--left", values.left);
  return words;
}

/** The same as one shell command line, every value quoted; prefix it with `sudo -n ` over SSH. */
export function ruleCommand<Verb extends RuleVerb>(verb: Verb, args: RuleArguments[Verb]): string {
  return ruleArguments(verb, args).map(quote).join(" ");
}
