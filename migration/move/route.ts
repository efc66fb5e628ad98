import { audit } from "../audit/audit.js";
import { isBlocking, type Finding } from "../audit/finding.js";
import { situationOf, type Situation } from "../situation/situation.js";
import { stages, stagesBetween, type Stage } from "../stages.js";
import type { StackStage } from "../status/stackState.js";

/** Whether a stage lies behind what a stack's state has of the migration. */
export function liesBehind({ begun }: StackStage, to: Stage): boolean {
  return begun !== undefined && stages.indexOf(to) < stages.indexOf(begun);
}

/**
 * The stages to pass through, in order, each by an update of its own. Forward it begins after the last
 * stage that is there as a whole; back, before the last one of which anything is there. A stack that
 * is there already gets one update at that stage, which mends what is not as it should be.
 */
export function routeTo(stage: StackStage, to: Stage): Stage[] {
  const { reached, begun } = stage;
  if (begun !== undefined && liesBehind(stage, to)) return stagesBetween(begun, to);
  const ahead =
    reached === undefined ? stages.slice(0, stages.indexOf(to) + 1) : stagesBetween(reached, to);
  return ahead.length === 0 ? [to] : ahead;
}

/** The first stage of a route at which findings stand in the way, and those; undefined where none do. */
export function firstBlocked(
  { settings, facts }: Pick<Situation, "settings" | "facts">,
  route: readonly Stage[],
): { stage: Stage; findings: Finding[] } | undefined {
  for (const stage of route) {
    const findings = audit(situationOf({ ...settings, stage }, facts)).filter(isBlocking);
    if (findings.length > 0) return { stage, findings };
  }
  return undefined;
}
