// What import … from "kube2iam-to-kiam/components" gives: the names of components.cjs.
import components from "./components.cjs";

export const { ClusterMigration, decide, program, stackConfiguration, AuditError, SettingsError } =
  components;
export default components;
