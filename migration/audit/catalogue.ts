import type { CatalogueEntry } from "./catalogue/entry.js";
import { kiamFindings } from "./catalogue/kiam.js";
import { kube2iamFindings } from "./catalogue/kube2iam.js";
import { podFindings } from "./catalogue/pods.js";
import { networkFindings } from "./catalogue/network.js";
import { overSshFindings } from "./catalogue/overSsh.js";
import { roleFindings } from "./catalogue/roles.js";
import { serverFindings } from "./catalogue/servers.js";
import { settingsFindings } from "./catalogue/settings.js";
import { workerFindings } from "./catalogue/workers.js";

/** Every finding that there is, by topic; docs/findings.md is made of it. */
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
