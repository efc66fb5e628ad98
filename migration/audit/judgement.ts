/** What a judge of the audit says, and what judges share. */
import type { Kube2iamFacts } from "../facts/clusterFacts.js";
import type { Settings } from "../settings/schema.js";
import { reaches, type Stage } from "../stages.js";
import { compareText, groupedBy } from "../text/text.js";
import { catalogueEntry } from "./catalogue.js";
import type { Severity } from "./entry.js";
import type { Finding } from "./finding.js";

/** A finding, as far as the case differs from the catalogue, which has the other words. */
export interface Judgement extends Pick<Finding, "code" | "severity" | "object" | "seen"> {
  /** Unset: the catalogue's consequence. */
  why?: string;
  /** Unset: the catalogue's cure. */
  fix?: string;
}

/** With the catalogue's words where the judge has none of its own. */
export function inFull(judgement: Judgement): Finding {
  const { consequence, cure } = catalogueEntry(judgement.code);
  return {
    ...judgement,
    why: judgement.why ?? inLine(consequence),
    fix: judgement.fix ?? inLine(cure),
  };
}

/** Sentences as a finding's line has them: `A rule goes.` is `a rule goes`. Names keep their capital. */
function inLine(sentences: string): string {
  return sentences
    .replace(/^(?!Kubernetes\b)[A-Z][a-z]*(?=[ ,'])/, (word) => word.toLowerCase())
    .replace(/\.$/, "")
    .replaceAll("`", "");
}

/** Blocks once the settings reach the stage at which it does harm; before, it warns in good time. */
export function blocksFrom(stage: Stage, settings: Pick<Settings, "stage">): Severity {
  return reaches(settings.stage, stage) ? "blocks" : "warns";
}

/** kube2iam's DaemonSet as the object of a finding. */
export function kube2iamObject({
  namespace,
  daemonSet,
}: Pick<Kube2iamFacts, "namespace" | "daemonSet">): string {
  return `daemonset/${namespace}/${daemonSet}`;
}

/** Things by their namespace, namespaces sorted by name. */
export function perNamespace<Item extends { namespace: string }>(
  items: readonly Item[],
): [string, Item[]][] {
  const groups = groupedBy(items, ({ namespace }) => namespace);
  return [...groups].sort(([a], [b]) => compareText(a, b));
}
