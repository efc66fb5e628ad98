import type { Catalogue } from "./entry.js";

/** What the settings say that no longer holds. */
export const settingsFindings = {
  "acknowledgement-without-effect": {
    title: "An acknowledgement is of no use",
    severities: ["informs"],
    cause:
      "audit.acknowledged names a code and an object of which there is no finding, or a finding that cannot be acknowledged.",
    consequence: "It would hide a later finding of that kind.",
    cure: "Take it out of audit.acknowledged.",
    acknowledgeable: false,
  },
} as const satisfies Catalogue;
