import type { Finding } from "../../migration/audit/finding.js";
import type { MoveFailure } from "../../migration/move/outcome.js";
import { planId, sayingsOf, type Saying } from "../../migration/move/plannedMove.js";
import { firstBlocked, liesBehind, routeTo } from "../../migration/move/route.js";
import { situationOf } from "../../migration/situation/situation.js";
import type { Stage } from "../../migration/stages.js";
import { stageOfState, type StackStage } from "../../migration/status/stackState.js";
import { count } from "../../migration/text/text.js";
import type { PlannedUpdates } from "../events.js";
import { fromHere } from "../look/fromHere.js";
import { look, lookAtState, planUnlessBlocked, type Looks, type StackPlace } from "../look/look.js";
import type { StackStanding } from "../readStanding.js";
import type { Approval } from "./approval.js";
import { carryOut, ended, firstUpdateAsSeen, type Carries } from "./carryOut.js";
import { commandOf, WrongWayError, type Destination } from "./destination.js";
import type { MoveAnswer } from "./moveAnswer.js";
import { savePlan } from "./savedPlans.js";

/** How a move is approved and carried out. */
export interface MoveWays extends Carries {
  /** Is shown what would be done, and says whether it may be. */
  approve(planned: PlannedUpdates, sayings: readonly Saying[]): Promise<Approval>;
  /**
   * Whether the first update is held to what was shown. Where nothing was looked at before it was
   * approved, there is nothing to be held to.
   */
  asShown: boolean;
}

/**
 * Audit, plan, approval, and then one stage after the other. Every way to end before its end says
 * what was found and what to type next.
 *
 * @returns the answer; `cause`: the error that it was made of, where there was one
 * @throws WrongWayError where a way forward leads back
 * @throws SettingsError; and ContactError where the stack or the cluster cannot be read
 */
export async function moveStack(
  place: StackPlace,
  destination: Destination,
  looks: Looks,
  ways: MoveWays,
): Promise<Moved> {
  const { answer, cause } = await move(place, destination, looks, ways);
  return { answer: { ...answer, next: fromHere(answer.next, place) }, cause };
}

interface Moved {
  answer: MoveAnswer;
  cause?: unknown;
}

async function move(
  place: StackPlace,
  destination: Destination,
  looks: Looks,
  ways: MoveWays,
): Promise<Moved> {
  const { stack } = place;
  const { to, back, all } = destination;
  const standing = await lookAtState(place, ways);
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
  if (busy !== undefined) return { answer: { ...begin, ...ended(busy, stack, destination) } };
  const resources = standing.resources ?? [];
  const stage = stageOfState(resources);
  const nowhere = refuseOtherWay(stage, stack, destination);
  if (nowhere !== undefined) return { answer: { ...begin, said: nowhere } };
  const stages = back && all && stage.begun === to ? [] : routeTo(stage, to);
  const route = { ...begin, stages };

  const { settings, facts } = await look({ ...place, stage: to }, looks, ways);
  const situation = situationOf(settings, facts);
  const { plan, findings, blocking } = planUnlessBlocked(situation);
  const blocked = firstBlocked(situation, stages);
  if (plan === undefined || blocked !== undefined) {
    const found = blocked ?? { stage: to, findings: blocking };
    return {
      answer: { ...route, outcome: "blocked", ...blockedAnswer(stack, stages, found, back) },
    };
  }
  const sayings = sayingsOf({ stack, stages, all, plan, settings });
  const id = planId(sayings);
  await savePlan(id, sayings);
  const planned = { stackName: stack, id, stages, all, plan, warnings: warningsAmong(findings) };
  ways.onEvent?.({ type: "planned", planned });
  const granted = await ways.approve(planned, sayings);
  if (!granted.granted) {
    const { outcome, why, differences } = granted;
    const next = [`${commandOf(stack, destination)} --approve ${id}`];
    return { answer: { ...route, planId: id, outcome, said: why, differences, next } };
  }
  const check = ways.asShown ? firstUpdateAsSeen(stack, situation, stages) : undefined;
  const done = await carryOut(place, destination, { stages, check, resources }, ways);
  const { cause, ...came } = done;
  return { answer: { ...route, planId: id, ...came }, cause };
}

function warningsAmong(findings: readonly Finding[]): number {
  return findings.filter(({ severity }) => severity === "warns").length;
}

/** What keeps any update from beginning now. */
function underWay({ update }: StackStanding): MoveFailure | undefined {
  if (update.at === "rest") return undefined;
  return update.at === "running"
    ? { at: "nothing", kind: "locked", message: update.said, byService: update.byService }
    : {
        at: "nothing",
        kind: "cut-short",
        message: `The last update was cut short, and nothing was touched now:\n${update.said}`,
      };
}

/**
 * @returns what is so where there is nothing to go back from
 * @throws WrongWayError where it would go the other way: that has a command of its own
 */
function refuseOtherWay(
  stage: StackStage,
  stack: string,
  { to, back, all }: Destination,
): string | undefined {
  if (!back) {
    if (stage.begun === undefined || !liesBehind(stage, to)) return undefined;
    throw new WrongWayError(stack, stage.begun, to);
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
