import type { CatalogueEntry } from "./entry.js";
import { kiamFindings } from "./servers/kiamCatalogue.js";
import { kube2iamFindings } from "./kube2iam/catalogue.js";
import { podFindings } from "./pods/catalogue.js";
import { networkFindings } from "./network/catalogue.js";
import { overSshFindings } from "./workers/overSshCatalogue.js";
import { roleFindings } from "./roles/catalogue.js";
import { serverFindings } from "./servers/catalogue.js";
import { settingsFindings } from "./settingsCatalogue.js";
import { workerFindings } from "./workers/catalogue.js";

/**
 * Every finding that there is, by topic; docs/findings.md is made of it. A new finding goes into its
 * topic's own catalogue.
 */
export const catalogueTopics = [
  { title: "Roles and permissions", entries: roleFindings },
  { title: "What pods do", entries: podFindings },
  { title: "kube2iam", entries: kube2iamFindings },
  { title: "kiam itself", entries: kiamFindings },
  { title: "kiam's server", entries: serverFindings },
  { title: "Network", entries: networkFindings },
  { title: "Workers", entries: workerFindings },
  { title: "Seen over SSH", entries: overSshFindings },
  { title: "Settings", entries: settingsFindings },
] as const;

const catalogue = {
  ...roleFindings,
  ...podFindings,
  ...kube2iamFindings,
  ...kiamFindings,
  ...networkFindings,
  ...serverFindings,
  ...workerFindings,
  ...overSshFindings,
  ...settingsFindings,
};

/** Stable, for searching, for scripts and for acknowledgements. */
export type FindingCode = keyof typeof catalogue;

export const findingCodes = (Object.keys(catalogue) as FindingCode[]).sort();

export function catalogueEntry(code: FindingCode): CatalogueEntry {
  return catalogue[code];
}
