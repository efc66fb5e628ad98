// What import … from "kube2iam-to-kiam" gives: the names of api.cjs.
import api from "./api.cjs";

export const {
  openStack,
  audit,
  plan,
  migrate,
  status,
  rollback,
  recover,
  stopOnSignals,
  stages,
  MigrationError,
  BlockedError,
  ContactError,
  CutShortError,
  MoveFailedError,
  NotApprovedError,
  NotRecoveredError,
  OtherPlanError,
  SettingsError,
  StackLockedError,
  StoppedError,
  WrongWayError,
} = api;
export default api;
