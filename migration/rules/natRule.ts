/**
 * The nat rules that hand pods' credential requests to kube2iam or to kiam.
 *
 * Both systems write the same kind of rule into PREROUTING of the nat table, and `iptables -S`
 * prints it as
 *
 *     -A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181
 *
 * That whole line is what this project calls the rule's spec: it is how rules are recognised,
 * deleted and put back (never by line number). Sources: kube2iam iptables/iptables.go (AddRule),
 * kiam cmd/kiam/iptables.go (ruleSpec).
 *
 * worker/rules/tables/classify.sh recognises them in the same way on the worker itself;
 * test/worker/rules/tables/classify.test.ts compares the two. What other programs' rules do to a
 * request, in PREROUTING and the chains that it jumps to, only the script judges: its report says
 * which system is in force.
 */
import { isIPv4 } from "node:net";
import { z } from "zod";

import { hostInterfaceSchema } from "../settings/fields.js";

/** Where EC2 serves instance metadata; the destination of every credential request. */
const metadataAddress = "169.254.169.254";

/** The chain, in the nat table, that both systems use. */
const natChain = "PREROUTING";

/** Which of the kernel's two sets of tables a rule lives in: `iptables-nft` or `iptables-legacy`. */
export const backendSchema = z.enum(["nft", "legacy"]);
export type Backend = z.infer<typeof backendSchema>;

/** The two systems that answer pods' credential requests. */
export const systemSchema = z.enum(["kube2iam", "kiam"]);
export type System = z.infer<typeof systemSchema>;

/**
 * What `iptables -S` may print behind `-i`: any name that the kernel takes. kube2iam
 * has been seen with `"veth+"`, quotes and all, and that rule is its own all the same.
 */
const printedInterfacePattern = /^(?![-!])[!-.0-~]{1,15}$/;

/** What stands in every credential rule besides its interface and target. */
const fixedMatches: ReadonlyMap<string, readonly string[]> = new Map([
  ["-d", [`${metadataAddress}/32`, metadataAddress]],
  ["-p", ["tcp"]],
  ["-m", ["tcp"]],
  ["--dport", ["80"]],
  ["-j", ["DNAT"]],
]);

/** What tells the two systems' rules of one worker apart: its address and both ports. */
export interface RuleTargets {
  readonly hostIp: string;
  /** kube2iam's `--app-port`. */
  readonly kube2iamPort: number;
  /** The kiam agent's `--port`. */
  readonly kiamPort: number;
}

/** A credential rule taken apart. */
interface CredentialRule {
  /** `cni0`, `cali+`, `!eth0`; undefined where the rule has no `-i` and so covers every interface. */
  readonly interface: string | undefined;
  readonly address: string;
  readonly port: number;
}

/** The spec of the rule that sends pods' credential requests to `address`:`port`. */
export function credentialRuleSpec(rule: CredentialRule): string {
  const incoming =
    rule.interface === undefined || rule.interface === "+"
      ? ""
      : rule.interface.startsWith("!")
        ? ` ! -i ${rule.interface.slice(1)}`
        : ` -i ${rule.interface}`;
  return (
    `-A ${natChain} -d ${metadataAddress}/32${incoming} -p tcp -m tcp --dport 80 ` +
    `-j DNAT --to-destination ${rule.address}:${rule.port}`
  );
}

/**
 * Takes a line of `iptables -t nat -S` apart if, and only if, it has exactly the form that
 * kube2iam and kiam write: these matches, each once, in any order, and nothing else. Everything
 * else (another port, another destination, a comment, another chain) gives undefined.
 */
export function parseCredentialRule(spec: string): CredentialRule | undefined {
  const [append, chain, ...words] = spec.split(" ").filter((word) => word !== "");
  if (append !== "-A" || chain !== natChain) return undefined;
  const seen = new Map<string, string>();
  while (words.length > 0) {
    const negated = words[0] === "!";
    const [option = "", value = ""] = words.splice(0, negated ? 3 : 2).slice(negated ? 1 : 0);
    if (seen.has(option) || (negated && option !== "-i")) return undefined;
    const valid =
      option === "-i"
        ? printedInterfacePattern.test(value) && !(negated && value === "+")
        : option === "--to-destination" || fixedMatches.get(option)?.includes(value) === true;
    if (!valid) return undefined;
    seen.set(option, negated ? `!${value}` : value);
  }
  const target = parseTarget(seen.get("--to-destination") ?? "");
  const needed = ["-d", "-p", "--dport", "-j"];
  if (target === undefined || !needed.every((option) => seen.has(option))) return undefined;
  const hostInterface = seen.get("-i");
  return { interface: hostInterface === "+" ? undefined : hostInterface, ...target };
}

function parseTarget(value: string): { address: string; port: number } | undefined {
  const parts = /^([0-9.]+):([1-9][0-9]{0,4})$/.exec(value);
  const address = parts?.[1] ?? "";
  const port = Number(parts?.[2]);
  return isIPv4(address) && port >= 1 && port <= 65535 ? { address, port } : undefined;
}

/** Which system's rule this is on the worker of `targets`; undefined where it is neither's. */
export function systemOfRule(spec: string, targets: RuleTargets): System | undefined {
  const rule = parseCredentialRule(spec);
  if (rule === undefined || rule.address !== targets.hostIp) return undefined;
  if (rule.port === targets.kube2iamPort) return "kube2iam";
  if (rule.port === targets.kiamPort) return "kiam";
  return undefined;
}

/** A rule as it stood on a worker, with what is needed to put it back. */
export const capturedRuleSchema = z.object({
  /** The tables it stood in. */
  backend: backendSchema,
  /** The line of `iptables -S`; nothing but a credential rule, safe in every shell, is accepted. */
  spec: z.string().refine(isCapturable, {
    error:
      "must be a rule as kube2iam writes it and iptables -S prints it " +
      `(-A ${natChain} -d ${metadataAddress}/32 -i … -p tcp -m tcp --dport 80 -j DNAT --to-destination IP:PORT)`,
  }),
});
export type CapturedRule = z.infer<typeof capturedRuleSchema>;

function isCapturable(spec: string): boolean {
  const rule = parseCredentialRule(spec);
  if (rule === undefined) return false;
  return rule.interface === undefined || hostInterfaceSchema.safeParse(rule.interface).success;
}

/** Problems that forbid putting `rule` back as kube2iam's on the worker of `targets`; none = []. */
export function capturedRuleProblems(rule: CapturedRule, targets: RuleTargets): string[] {
  const checked = capturedRuleSchema.safeParse(rule);
  if (!checked.success) {
    return checked.error.issues.map(
      (issue) => `captured rule: ${issue.path.join(".")} ${issue.message}`,
    );
  }
  if (systemOfRule(rule.spec, targets) === "kube2iam") return [];
  return [
    `captured rule: ${rule.spec} does not lead to kube2iam at ${targets.hostIp}:${targets.kube2iamPort}`,
  ];
}
