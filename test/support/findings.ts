import assert from "node:assert/strict";

import { audit } from "../../migration/audit/audit.js";
import { catalogueEntry } from "../../migration/audit/catalogue.js";
import type { Finding } from "../../migration/audit/finding.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import { exampleSituation } from "./exampleCluster.js";

/** What holds in every cluster with kiam's default image; test/migration/audit/audit.test.ts has it. */
const everywhere: readonly string[] = ["kiam-archived", "image-of-archived-project"];

/** What the audit finds in the example cluster with these changes, but for what holds everywhere. */
export function findings(
  settings: Partial<SettingsInput> = {},
  facts: Partial<ClusterFacts> = {},
): Finding[] {
  return audit(exampleSituation(settings, facts)).filter(({ code }) => !everywhere.includes(code));
}

/** Severity, code and object of each, for comparing. The documentation has to know of each of them. */
export function codes(list: readonly Finding[]): string[] {
  for (const { code, severity } of list) {
    const { severities } = catalogueEntry(code);
    const letBack = severity === "warns" && catalogueEntry(code).onlyForward === true;
    assert.ok(letBack || severities.some((each) => each === severity), `${severity} ${code}`);
  }
  return list.map((finding) => `${finding.severity} ${finding.code} ${finding.object}`);
}
