import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { audit } from "../migration/audit/audit.js";
import { situationOf } from "../migration/situation/situation.js";
import { describeFindings } from "../migration/preview/describeFindings.js";
import { StopAskedError } from "../migration/move/orderlyStop.js";
import { AuditError, refuseBlocking } from "../migration/audit/refuse.js";
import { ContactError } from "../migration/contact/contact.js";
import type { Finding } from "../migration/audit/finding.js";
import { newNodesNotice, newNodesSummary } from "../migration/plan/newNodesNotice.js";
import { makePlan } from "../migration/plan/makePlan.js";
import type { Plan } from "../migration/plan/plan.js";
import { PlanChangedError } from "../migration/move/plannedMove.js";
import { parseSettings, SettingsError } from "../migration/settings/parse.js";
import type { Settings } from "../migration/settings/schema.js";
import type { Begins } from "./begins.js";
import { ClusterMigration } from "./clusterMigration.js";
import type { ToolLocation } from "./gate.js";
import { messageOf } from "../migration/text/text.js";
import { shown } from "../migration/text/shown.js";
import { observe } from "../cluster/facts/observe.js";

/** Outputs of the stack. */
export interface ProgramOutputs {
  /** ARN of the role that application roles have to trust. */
  serverRoleArn: pulumi.Output<string>;
  /** What new workers have to register with, and the command that prints it for each kind of group. */
  newNodes: string;
}

/** What a run of the program has decided, before anything is registered. */
export interface Decided {
  settings: Settings;
  plan: Plan;
}

/** How a process that runs the program itself has a say in it. */
export interface Supervision {
  /** Is given what was decided, and throws PlanChangedError or StopAskedError where that is not to be done. */
  check?: (decided: Decided) => void;
  /** Asked before anything begins. */
  begins?: Begins;
}

/**
 * The whole Pulumi program: settings → facts → audit → plan → resources. Nothing is registered
 * before the settings are valid and the audit has no blocking finding.
 *
 * @param raw the stack's configuration, one property per key
 * @throws pulumi.RunError with every problem of the settings, why the cluster cannot be looked at, every
 *   blocking finding, or what differs from the plan that was approved
 */
export async function program(
  raw: unknown,
  tool: ToolLocation = {},
  { check, begins }: Supervision = {},
): Promise<ProgramOutputs> {
  const { settings, plan } = await decide(raw, check);
  const provider = new k8s.Provider("cluster", {
    context: settings.kubernetes.context,
    enableServerSideApply: true,
  });
  const migration = new ClusterMigration(
    "migration",
    { settings, plan, begins, ...tool },
    { providers: [provider] },
  );
  const notice = newNodesNotice(settings, pulumi.getStack());
  if (notice !== undefined) await pulumi.log.info(notice);
  return {
    serverRoleArn: migration.serverRoleArn,
    newNodes: newNodesSummary(settings, pulumi.getStack()),
  };
}

/** Reads, judges and plans, and registers nothing. Takes and throws what {@link program} does. */
export async function decide(
  raw: unknown,
  check: NonNullable<Supervision["check"]> = () => {},
): Promise<Decided> {
  try {
    const settings = parseSettings(raw);
    const situation = situationOf(settings, await observe(settings));
    const findings = audit(situation);
    refuseBlocking(findings);
    const decided = { settings, plan: makePlan(situation) };
    check(decided);
    await report(findings);
    return decided;
  } catch (error) {
    // Pulumi prints a RunError without a stack trace: these are for the operator, not for us.
    if (
      error instanceof SettingsError ||
      error instanceof AuditError ||
      error instanceof ContactError ||
      error instanceof PlanChangedError ||
      error instanceof StopAskedError
    ) {
      throw new pulumi.RunError(shown(error.message));
    }
    // What the API server or a pod answered may be in it.
    throw new Error(shown(messageOf(error)), { cause: error });
  }
}

/** A warning for what the operator should look at; a line in the log for all else. */
async function report(findings: readonly Finding[]): Promise<void> {
  const calls = (finding: Finding) =>
    finding.severity === "warns" && finding.acknowledged === undefined;
  for (const text of describeFindings(findings.filter(calls)))
    await pulumi.log.warn(shown(text.trim()));
  const others = findings.filter((finding) => !calls(finding));
  for (const text of describeFindings(others)) await pulumi.log.info(shown(text.trim()));
}
