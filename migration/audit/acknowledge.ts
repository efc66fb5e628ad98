import type { Settings } from "../settings.js";
import { catalogueEntry } from "./catalogue.js";
import type { Finding } from "./finding.js";

type Acknowledgement = Settings["audit"]["acknowledged"][number];

/** Marks the findings that were acknowledged, and adds one for every acknowledgement of no use. */
export function acknowledge(
  findings: readonly Finding[],
  acknowledgements: readonly Acknowledgement[],
): Finding[] {
  const useless = new Set(acknowledgements);
  const marked = findings.map((finding) => {
    const given = acknowledgements.find(
      ({ code, object }) => code === finding.code && object === finding.object,
    );
    if (given === undefined || !catalogueEntry(finding.code).acknowledgeable) return finding;
    useless.delete(given);
    return { ...finding, acknowledged: given.reason };
  });
  return [...marked, ...[...useless].map(ofNoUse)];
}

function ofNoUse({ code, object }: Acknowledgement): Finding {
  const may = catalogueEntry(code).acknowledgeable;
  return {
    code: "acknowledgement-without-effect",
    severity: "informs",
    object,
    seen: may
      ? `audit.acknowledged names ${code} for it, and there is no such finding`
      : `audit.acknowledged names ${code} for it, which cannot be acknowledged`,
    why: may
      ? "it would hide a later finding of that kind"
      : "nothing can be done safely while that finding stands",
    fix: "take it out of audit.acknowledged",
  };
}
