/** The JSON document that the script of worker/rules/ prints: what it found on a worker and did there. */
import { z } from "zod";
import { shownJson } from "../text/shown.js";
import { backendSchema, systemSchema, type Backend } from "./natRule.js";

/** What went wrong or deserves a look, by kind; the message of a finding tells the rest. */
const findingCodes = [
  /** The script does not run as root. */
  "not-root",
  /** `--host-ip` is not an address of the machine the script runs on, or that could not be read. */
  "wrong-node",
  /** A set of tables that may hold rules could not be read. */
  "backend-unreadable",
  /** No iptables at all. */
  "no-iptables",
  /** A set of tables was not looked at because no tool for it is installed here. */
  "backend-absent",
  /** The rule that must take over is not there. */
  "rule-absent",
  /** kube2iam's rule is still there, or again, where it must not be. */
  "rule-present",
  /** A rule leads to kube2iam or kiam but has not the form that they write. */
  "unexpected-form",
  /**
   * A rule of another program takes the same traffic first, or would once the other system's rule is
   * gone.
   */
  "competing-rule",
  /** The rule that must take over does not see all traffic of the one to be removed. */
  "interface-not-covered",
  /** A rule is for an interface that the machine does not have: it can go. */
  "interface-unused",
  /** kiam's rule is to be appended, and nothing tells for which interface. */
  "interface-unknown",
  /** The system that must answer does not. */
  "unhealthy",
  /** A rule was there again, or gone, right after the change. */
  "not-verified",
  /** A change failed. */
  "change-failed",
  /** What had been changed was put back. */
  "undone",
  /** What had been changed could NOT be put back: look at this worker now. */
  "undo-failed",
  /** iptables here cannot read a rule that may take credential requests: it is too old, mostly. */
  "rule-unread",
  /** A nat chain that nft itself made, not iptables, may take credential requests. */
  "native-chain",
  /** `nft` is here, and could not list such chains. */
  "native-unread",
  /** Rules of both systems stand in different sets of tables: their order cannot be told. */
  "order-unknown",
  /** The rule does not stand in the tables it was captured from. */
  "other-backend",
  /** `ss`, which lists and closes connections, is not installed here or fails. */
  "no-ss",
  /** The kernel does not close connections: an idle one withstood. */
  "not-closed",
  /** `drain` has waited as long as it was to, and some connections are left. */
  "connections-left",
] as const;

const findingSchema = z.object({
  /** A problem made the script refuse or undo; a notice is for the reader. */
  severity: z.enum(["problem", "notice"]),
  code: z.enum(findingCodes),
  message: z.string(),
});
export type Finding = z.infer<typeof findingSchema>;

/** A rule and where it stands. */
const placedRuleSchema = z.object({
  backend: backendSchema,
  /** 1 is first in the chain. */
  position: z.number().int().min(1),
  spec: z.string(),
});

const natStateSchema = z.object({
  /** Every rule of nat/PREROUTING in the nft tables, as `-S` prints it, in order. */
  nft: z.array(z.string()),
  /** The same of the legacy tables. */
  legacy: z.array(z.string()),
  /** kube2iam's rules among them. */
  kube2iam: z.array(placedRuleSchema),
  /** kiam's rules among them. */
  kiam: z.array(placedRuleSchema),
  /**
   * Whose rule comes first. `unknown`: they stand in different sets of tables, whose order depends
   * on which was registered first and cannot be read; or a rule in front of it is another program's,
   * or cannot be read (findings competing-rule, rule-unread, native-chain, unexpected-form).
   * `none`: pods reach the node's own role.
   */
  inForce: z.enum(["kube2iam", "kiam", "none", "unknown"]),
});
export type NatState = z.infer<typeof natStateSchema>;

const nodeReportSchema = z.object({
  /** Version of this document's form. */
  version: z.literal(1),
  verb: z.enum(["inspect", "remove", "restore", "ensure", "drain"]),
  /** Whose rule `remove` was to remove, or `ensure` to put back; null for the other verbs. */
  system: systemSchema.nullable(),
  hostIp: z.string(),
  /** The kernel's boot id: a new one means that every rule is new as well. */
  bootId: z.string(),
  /**
   * ok: as asked for, changed or not. refused: nothing was touched (a `drain` that had to stop in
   * the middle: nothing but what `closed` holds). undone: changed, and put back. broken: changed,
   * and could not be put back.
   */
  outcome: z.enum(["ok", "refused", "undone", "broken"]),
  /** Whether the worker's rules differ from before. */
  changed: z.boolean(),
  backends: z.array(
    z.object({
      name: backendSchema,
      /** The command used, for example `iptables-nft`; empty where there is none. */
      tool: z.string(),
      /**
       * read: looked at. empty: the kernel holds no such table here. absent: no tool for it here.
       * failed: could not be read (never taken as "no rules").
       */
      state: z.enum(["read", "empty", "absent", "failed"]),
      detail: z.string(),
    }),
  ),
  before: natStateSchema,
  after: natStateSchema,
  /** Rules deleted, with the positions that they had; put back again where outcome is undone. */
  removed: z.array(placedRuleSchema),
  /**
   * Rules put in by `restore` or `ensure`, with the positions that they got; gone again where undone.
   */
  inserted: z.array(placedRuleSchema),
  /**
   * The rule that the way back to kube2iam needs: the live one as it stood before, else one
   * derived from the flags and kiam's rule; null where neither is known.
   */
  kube2iamRule: z
    .object({ backend: backendSchema, spec: z.string(), source: z.enum(["live", "derived"]) })
    .nullable(),
  /** The same, where kube2iam had several different rules (several interfaces): all of them. */
  kube2iamRules: z.array(z.object({ backend: backendSchema, spec: z.string() })),
  health: z.array(
    z.object({
      system: systemSchema,
      /** Before or after the change; `inspect` only knows before. */
      when: z.enum(["before", "after"]),
      ok: z.boolean(),
      /** What was asked and what came back. */
      detail: z.string(),
    }),
  ),
  /**
   * Established connections to kube2iam's port, from /proc/net/tcp and tcp6. Deleting a nat rule
   * does not touch them: these clients stay with kube2iam until they reconnect. After a `drain`
   * that is ok: those left, the worker's own not counted.
   */
  kube2iamConnections: z.array(z.object({ address: z.string(), port: portNumber() })),
  /** Connections that `drain` closed, with the peer's address and port; empty for the other verbs. */
  closed: z.array(
    z.object({
      address: z.string(),
      port: portNumber(),
      /** Whole seconds since the last data in either direction. */
      idleSeconds: z.number().int().min(0),
    }),
  ),
  findings: z.array(findingSchema),
});
export type NodeReport = z.infer<typeof nodeReportSchema>;

function portNumber() {
  return z.number().int().min(0).max(65535);
}

/**
 * Reads the script's output. Throws with the beginning of what came instead when it is not such a
 * document: a connection that was cut, a login banner, another version.
 */
export function parseNodeReport(stdout: string): NodeReport {
  const explain = (what: string) =>
    new Error(
      `the node script's answer ${what}; it began with ${shownJson(stdout.slice(0, 200))}. ` +
        "The script finishes or undoes by itself: run inspect on that worker to see which.",
    );
  let document: unknown;
  try {
    document = JSON.parse(stdout);
  } catch {
    throw explain(stdout.trim() === "" ? "is empty" : "is not JSON");
  }
  const report = nodeReportSchema.safeParse(document);
  if (!report.success) throw explain(`has another form (${z.prettifyError(report.error)})`);
  return report.data;
}

/** What keeps rules from telling who answers, besides their standing in two sets of tables. */
const unclear: ReadonlySet<Finding["code"]> = new Set([
  "rule-unread",
  "competing-rule",
  "unexpected-form",
  "native-chain",
]);

/** Why a report says `unknown` of who comes first; undefined where only two sets of tables are why. */
export function whyUnclear(report: Pick<NodeReport, "findings">): string | undefined {
  const said = report.findings.filter((finding) => unclear.has(finding.code));
  return said.length === 0 ? undefined : said.map((finding) => finding.message).join(" ");
}

/** Who comes first, and with `unknown` why, as RuleState and WorkerLook have it. */
export function inForceOf(
  { inForce }: Pick<NatState, "inForce">,
  report: Pick<NodeReport, "findings">,
): Pick<NatState, "inForce"> & { unclear?: string } {
  const why = inForce === "unknown" ? whyUnclear(report) : undefined;
  return why === undefined ? { inForce } : { inForce, unclear: why };
}

/**
 * How many connections to kube2iam each client holds, by its address. The worker's own (health
 * checks) do not count.
 *
 * @param hostIp the worker's address
 */
export function kube2iamClients(
  { kube2iamConnections }: Pick<NodeReport, "kube2iamConnections">,
  hostIp: string,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { address } of kube2iamConnections) {
    if (address === hostIp || address.startsWith("127.")) continue;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return counts;
}

/** nat/PREROUTING of one set of tables, as `iptables -S` lists it. */
export interface BackendRules {
  backend: Backend;
  rules: string[];
}

/** The rules of a machine, by the tables that have any. */
export function backendRules(state: Pick<NatState, Backend>): BackendRules[] {
  return (["nft", "legacy"] as const)
    .map((backend) => ({ backend, rules: state[backend] }))
    .filter(({ rules }) => rules.length > 0);
}
