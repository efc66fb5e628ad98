/*
 * What a Pulumi program can import from "kube2iam-to-kiam/components"; docs/api.md shows how. Everything
 * else of this folder may change without notice.
 */
export { ClusterMigration, type ClusterMigrationArgs } from "./clusterMigration.js";
export { decide, program, type Decided, type ProgramOutputs } from "./program.js";
export { stackConfiguration } from "./stackConfiguration.js";
export type { ToolLocation } from "./gate.js";
export { AuditError } from "../migration/audit/refuse.js";
export { SettingsError } from "../migration/settings/parse.js";
