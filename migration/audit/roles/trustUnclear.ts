import type { Settings } from "../../settings/schema.js";
import type { Finding } from "../finding.js";
import { blocksFrom } from "../severityFrom.js";

/** What could not be checked of a role counts as not safe, once pods depend on it. */
export function trustUnclear(
  settings: Settings,
  object: string,
  seen: string,
  fix: string,
): Finding {
  return {
    code: "trust-unclear",
    severity: blocksFrom("cutover", settings),
    object,
    seen,
    why: "whether kiam's server can assume it will only be known when it tries",
    fix,
  };
}
