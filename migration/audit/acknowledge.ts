import type { ClusterFacts } from "../facts/clusterFacts.js";
import type { Settings } from "../settings/schema.js";
import { catalogueEntry } from "./catalogue.js";
import type { Source } from "./entry.js";
import type { Finding } from "./finding.js";

type Acknowledgement = Settings["audit"]["acknowledged"][number];

/** What tells whether the place where a finding would be seen was looked at. */
export type Looks = Pick<ClusterFacts, "iam" | "kube2iamLog" | "overSsh">;

/**
 * Marks the findings that were acknowledged, and adds one for every acknowledgement of no use. It
 * says nothing of one whose finding could not be seen, because that was not looked at.
 */
export function acknowledge(
  findings: readonly Finding[],
  { stage, audit }: Pick<Settings, "stage" | "audit">,
  looks: Looks,
): Finding[] {
  const given = new Map(audit.acknowledged.map((each) => [keyOf(each), each]));
  const useless = new Set(audit.acknowledged.filter(({ code }) => mayBeUseless(code, looks)));
  const marked = findings.map((finding) => {
    const own = given.get(keyOf(finding));
    if (own === undefined || !catalogueEntry(finding.code).acknowledgeable) return finding;
    useless.delete(own);
    return { ...finding, acknowledged: own.reason };
  });
  return [...marked, ...[...useless].map((each) => ofNoUse(each, stage))];
}

function keyOf({ code, object }: Pick<Finding, "code" | "object">): string {
  return JSON.stringify([code, object]);
}

function mayBeUseless(code: Finding["code"], looks: Looks): boolean {
  const { acknowledgeable, seenIn = ["cluster"] } = catalogueEntry(code);
  return !acknowledgeable || seenIn.every((source) => lookedAt(source, looks));
}

function lookedAt(source: Source, { iam, kube2iamLog, overSsh }: Looks): boolean {
  switch (source) {
    case "cluster":
      return true;
    case "iam":
      return iam !== undefined;
    case "assumeRole":
      return Object.values(iam?.roles ?? {}).some(({ tried }) => tried !== undefined);
    case "kube2iamLog":
      return kube2iamLog !== undefined;
    case "overSsh":
      return overSsh !== undefined;
  }
}

function ofNoUse({ code, object }: Acknowledgement, stage: Settings["stage"]): Finding {
  const may = catalogueEntry(code).acknowledgeable;
  const last = stage === "retire";
  return {
    code: "acknowledgement-without-effect",
    severity: "informs",
    object,
    seen: may
      ? `audit.acknowledged names ${code} for it, and there is no such finding${last ? "" : ` at stage ${stage}`}`
      : `audit.acknowledged names ${code} for it, which cannot be acknowledged`,
    why: may
      ? "it would hide a later finding of that kind"
      : "nothing can be done safely while that finding stands",
    fix: `take it out of audit.acknowledged${may && !last ? ", unless it is for a later stage" : ""}`,
  };
}
