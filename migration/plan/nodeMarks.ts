import { agentNotReadyTaint, kiamOnlyKey, kiamOnlyTaint } from "../facts/clusterFacts.js";
import type { Settings } from "../settings/schema.js";

/* What nodes register with, so that they are kiam's from their first pod on. */

export interface Marks {
  labels: Record<string, string>;
  /** Taints that stay. */
  taints: NodeTaint[];
  /** Taints that go once the node is ready for pods. */
  startupTaints: NodeTaint[];
}

type NodeTaint = typeof kiamOnlyTaint;

/** What the settings have new workers register with. */
export function marksOf({ keepKube2iamOff, startupTaint }: Settings["newNodes"]): Marks {
  return {
    labels: keepKube2iamOff === "label" ? { [kiamOnlyKey]: "true" } : {},
    taints: keepKube2iamOff === "taint" ? [kiamOnlyTaint] : [],
    startupTaints: startupTaint ? [agentNotReadyTaint] : [],
  };
}

export function marksText(newNodes: Settings["newNodes"]): string {
  const { labels, taints, startupTaints } = marksOf(newNodes);
  const marks = [
    ...Object.entries(labels).map((label) => `the label ${labelText(label)}`),
    ...[...taints, ...startupTaints].map((taint) => `the taint ${taintText(taint)}`),
    "the boot guard",
  ];
  return marks.join(", ");
}

export function taintText({ key, value, effect }: NodeTaint): string {
  return `${key}=${value}:${effect}`;
}

export function labelText([label, value]: [string, string]): string {
  return `${label}=${value}`;
}

export function hasMarks(marks: Marks): boolean {
  return Object.keys(marks.labels).length + allTaints(marks).length > 0;
}

export function allTaints({ taints, startupTaints }: Marks): NodeTaint[] {
  return [...taints, ...startupTaints];
}
