// What import … from "kube2iam-to-kiam" gives: the names of api.cjs.
import api from "./api.cjs";

export const {
  openStack,
  audit,
  plan,
  migrate,
  status,
  trust,
  permitted,
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
  NotWrittenError,
  OtherPlanError,
  SettingsError,
  StackLockedError,
  StoppedError,
  TrustRefusedError,
  WrongWayError,
} = api;
export default api;
