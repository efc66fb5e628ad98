import type { StackStanding } from "../../automation/readStanding.js";
import type { MoveFailure } from "../../migration/move/outcome.js";
import { planId, sayingsOf } from "../../migration/move/plannedMove.js";
import { firstBlocked, liesBehind, routeTo } from "../../migration/move/route.js";
import { describePlan } from "../../migration/preview/describePlan.js";
import type { Plan } from "../../migration/plan/plan.js";
import { situationOf } from "../../migration/situation/situation.js";
import type { Stage } from "../../migration/stages.js";
import { stageOfState, type StackStage } from "../../migration/status/stackState.js";
import { shownJson } from "../../migration/text/shown.js";
import { count } from "../../migration/text/text.js";
import {
  fromHere,
  UsageError,
  type CommonOptions,
  type ExitCode,
  type Terminal,
} from "../command.js";
import { look, lookAtState, planUnlessBlocked, type Looks } from "../look.js";
import { approval, type ApprovalOptions } from "./approval.js";
import { carryOut, ended, firstUpdateAsSeen } from "./carryOut.js";
import { commandOf, describeMove, type Destination } from "./destination.js";
import { moveAsText, moveExitCode, type MoveAnswer } from "./moveAnswer.js";
import { savePlan } from "./savedPlans.js";

export type MoveOptions = CommonOptions & ApprovalOptions;

/**
 * Audit, plan, question, and then one stage after the other. Every way to end before its end says
 * what was found and what to type next.
 */
export async function moveCluster(
  options: MoveOptions,
  destination: Destination,
  looks: Looks,
  terminal: Terminal,
): Promise<ExitCode> {
  const moved = await move(options, destination, looks, terminal);
  const answer = { ...moved, next: fromHere(moved.next, options) };
  terminal.answer(options.json ? shownJson(answer, 2) : moveAsText(answer));
  return moveExitCode(answer);
}

async function move(
  options: MoveOptions,
  destination: Destination,
  looks: Looks,
  terminal: Terminal,
): Promise<MoveAnswer> {
  const { stack } = options;
  const { to, back, all } = destination;
  const standing = await lookAtState(options, terminal);
  const begin: MoveAnswer = {
    stack,
    stages: [],
    all,
    planId: undefined,
    outcome: "nothing-to-do",
    said: "",
    blocked: undefined,
    differences: [],
    moves: [],
    next: [],
  };
  const busy = underWay(standing);
  if (busy !== undefined) return { ...begin, ...ended(busy, stack, destination) };
  const resources = standing.resources ?? [];
  const stage = stageOfState(resources);
  const nowhere = refuseOtherWay(stage, stack, destination);
  if (nowhere !== undefined) return { ...begin, said: nowhere };
  const stages = back && all && stage.begun === to ? [] : routeTo(stage, to);
  const route = { ...begin, stages };

  const { settings, facts } = await look({ ...options, stage: to }, looks, terminal);
  const situation = situationOf(settings, facts);
  const { plan, findings, blocking } = planUnlessBlocked(situation);
  const blocked = firstBlocked(situation, stages);
  if (plan === undefined || blocked !== undefined) {
    const found = blocked ?? { stage: to, findings: blocking };
    return { ...route, outcome: "blocked", ...blockedAnswer(stack, stages, found, back) };
  }
  const sayings = sayingsOf({ stack, stages, all, plan, settings });
  const id = planId(sayings);
  await savePlan(id, sayings);
  const warnings = findings.filter(({ severity }) => severity === "warns").length;
  terminal.progress.note(planAsText(plan, { stages, all, id, warnings }));
  const does = describeMove(stack, destination);
  const granted = await approval({ stack, does, id, sayings }, options, terminal);
  if (!granted.granted) {
    const { outcome, why, differences } = granted;
    const next = [`${commandOf(stack, destination)} --approve ${id}`];
    return { ...route, planId: id, outcome, said: why, differences, next };
  }
  // Without an approval there is none to be held to.
  const seen = !options.yes || options.approve !== undefined;
  const check = seen ? firstUpdateAsSeen(stack, situation, stages) : undefined;
  const done = await carryOut(options, destination, { stages, check, resources }, terminal);
  return { ...route, planId: id, ...done };
}

/** What keeps any update from beginning now. */
function underWay({ update }: StackStanding): MoveFailure | undefined {
  if (update.at === "rest") return undefined;
  return update.at === "running"
    ? { at: "nothing", kind: "locked", message: update.said }
    : {
        at: "nothing",
        kind: "cut-short",
        message: `The last update was cut short, and nothing was touched now:\n${update.said}`,
      };
}

/**
 * @returns what is so where there is nothing to go back from
 * @throws UsageError where it would go the other way: that has a command of its own
 */
function refuseOtherWay(
  stage: StackStage,
  stack: string,
  { to, back, all }: Destination,
): string | undefined {
  if (!back) {
    if (!liesBehind(stage, to)) return undefined;
    throw new UsageError(
      `Stack ${stack} is at stage ${stage.begun}: stage ${to} lies behind. To go back: ${commandOf(stack, { to, back: true, all: false })}`,
    );
  }
  if (all) {
    return stage.begun === undefined
      ? `Stack ${stack} has nothing in its state: there is nothing to take away.`
      : undefined;
  }
  if (liesBehind(stage, to)) return undefined;
  return `Stack ${stack} is at stage ${stage.begun ?? "nowhere yet"}: there is nothing to go back from to stage ${to}.`;
}

type Blocked = NonNullable<MoveAnswer["blocked"]>;

function blockedAnswer(
  stack: string,
  stages: readonly Stage[],
  blocked: Blocked,
  back: boolean,
): Pick<MoveAnswer, "said" | "blocked" | "next"> {
  const { stage, findings } = blocked;
  const free = stages[stages.indexOf(stage) - 1];
  return {
    said: `${count(findings.length, "finding")} would stop it at stage ${stage}. Nothing was touched.`,
    blocked,
    next: [
      `kiam-migrate audit --stack ${stack} --stage ${stage}`,
      // Such as prepare, which makes the role that trust is about.
      ...(free === undefined ? [] : [commandOf(stack, { to: free, back, all: false })]),
    ],
  };
}

/** The plan as it is shown before the question. */
function planAsText(
  plan: Plan,
  {
    stages,
    all,
    id,
    warnings,
  }: { stages: readonly Stage[]; all: boolean; id: string; warnings: number },
): string {
  const looked = warnings === 0 ? "" : `; ${count(warnings, "finding")} to be looked at`;
  const legs = [...stages, ...(all ? ["nothing"] : [])];
  const updates = `${legs.join(" → ")}${legs.length > 1 ? ", one after the other" : ""}`;
  return [
    describePlan(plan),
    "",
    `audit     nothing stands in the way${looked}`,
    `updates   ${updates}`,
    `plan id   ${id}`,
  ].join("\n");
}
