/*
 * What a script can import from "kube2iam-to-kiam"; docs/api.md shows how. Everything else of this
 * package may change without notice.
 */
import { silentProgress } from "../progress.js";
import { stopOnSignals as stopAndTell, type StoppableWork } from "../update/stopping.js";

export { openStack, type MigrationStack, type SomeSettings, type StackOptions } from "./stack.js";
export {
  audit,
  plan,
  status,
  type AuditOptions,
  type AuditReport,
  type MigrationPlan,
  type PlanOptions,
  type StatusOptions,
} from "./looking.js";
export {
  migrate,
  recover,
  rollback,
  type Approve,
  type MigrateOptions,
  type MoveDone,
  type Recovered,
  type RecoverOptions,
  type RollbackOptions,
} from "./moving.js";
export {
  permitted,
  trust,
  type PermittedOptions,
  type PermittedReport,
  type TrustOptions,
  type TrustReport,
} from "./granting.js";
export type { MigrationEvent, Running } from "./running.js";
export {
  BlockedError,
  CutShortError,
  MigrationError,
  MoveFailedError,
  NotApprovedError,
  NotRecoveredError,
  NotWrittenError,
  OtherPlanError,
  StackLockedError,
  StoppedError,
} from "./errors.js";
export { TrustRefusedError } from "../roles/trustOfStack.js";
export { WrongWayError } from "../move/destination.js";
export { ContactError, type Contact } from "../../migration/contact/contact.js";
export { SettingsError } from "../../migration/settings/parse.js";
export { stages, type Stage } from "../../migration/stages.js";
export type { Finding } from "../../migration/audit/finding.js";
export type { SettingsInput } from "../../migration/settings/schema.js";
export type { PlannedUpdates } from "../events.js";
export type { StatusAnswer } from "../look/statusOfStack.js";

/**
 * Runs work that Ctrl-C, SIGTERM and SIGHUP ask to stop, and keeps the process alive until it has.
 * Without this, a process that ends takes the engine with it, and the stack has to be recovered.
 *
 * @param work gets two signals: the first Ctrl-C aborts `signal`, a second one `atOnce`; give both on
 */
export function stopOnSignals<T>(work: StoppableWork<T>): Promise<T> {
  return stopAndTell(silentProgress, work);
}
