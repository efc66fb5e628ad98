import type { Stack } from "@pulumi/pulumi/automation";

import { moveTo, pendingChanges, type Move } from "../automation/moveTo.js";
import type { Progress } from "../automation/progress.js";
import { stages, stagesBetween, type Stage } from "../migration/stages.js";
import type { Cluster } from "./cluster/cluster.js";
import { readNatRules, systemsInOrder } from "./natRules.js";

/** One leg of the journey: a stage reached, and what the workers' rules were then. */
export interface Leg {
  /** Such as `forward 1: cutover`. */
  name: string;
  /** Milliseconds since the epoch. */
  from: number;
  to: number;
  move: Move;
  /** Every nat/PREROUTING rule of each worker afterwards. */
  rules: Record<string, string[]>;
  /** What is not as it should be afterwards; empty when all is well. */
  problems: string[];
}

export interface Journey {
  /** Rules before the first leg. */
  before: Record<string, string[]>;
  legs: Leg[];
  /** Why the journey ended early. */
  failure?: Error;
}

export interface JourneyOptions {
  cluster: Cluster;
  stack: Stack;
  progress: Progress;
  /** Stage to end at; unset: forward, back and forward again. */
  to?: Stage;
  /** What the operator does between stage prepare and stage server. */
  afterPrepare: () => Promise<void>;
}

/** Moves the cluster stage by stage, and looks at every worker after each. Stops at the first failure. */
export async function travel(options: JourneyOptions): Promise<Journey> {
  const { cluster, stack, progress } = options;
  const journey: Journey = { before: await readNatRules(cluster), legs: [] };
  for (const { direction, stage } of itinerary(options.to)) {
    const name = `${direction}: ${stage}`;
    progress.note(`\n── ${name} ──`);
    const from = Date.now();
    try {
      const move = await moveTo(stack, stage, { progress, parallel: 4 });
      if (stage === "prepare") await options.afterPrepare();
      const rules = await readNatRules(cluster);
      const problems = [
        ...wrongRules(cluster, stage, rules),
        // Once each is enough: the way back and the second time forward declare the same.
        ...(direction === "forward" ? await unexpectedChanges(stack, progress) : []),
      ];
      for (const problem of problems) progress.note(`  ✗ ${problem}`);
      journey.legs.push({ name, from, to: Date.now(), move, rules, problems });
    } catch (error) {
      journey.failure = error instanceof Error ? error : new Error(String(error));
      return journey;
    }
  }
  return journey;
}

function itinerary(to: Stage | undefined): { direction: string; stage: Stage }[] {
  const leg = (direction: string) => (stage: Stage) => ({ direction, stage });
  const last = to ?? "retire";
  const forward = stages.slice(0, stages.indexOf(last) + 1).map(leg("forward"));
  if (to !== undefined) return forward;
  return [
    ...forward,
    ...stagesBetween(last, "prepare").map(leg("back")),
    ...stagesBetween("prepare", last).map(leg("forward again")),
  ];
}

/** Which systems' rules a worker has to have at a stage, in the order in which they match. */
const expectedRules: Record<Stage, readonly string[]> = {
  prepare: ["kube2iam"],
  server: ["kube2iam"],
  agent: ["kube2iam", "kiam"],
  cutover: ["kiam"],
  retire: ["kiam"],
};

function wrongRules(cluster: Cluster, stage: Stage, rules: Record<string, string[]>): string[] {
  const expected = expectedRules[stage].join(" before ");
  return cluster.workers.flatMap(({ name, address }) => {
    const seen = systemsInOrder(rules[name] ?? [], address).join(" before ") || "none";
    return seen === expected
      ? []
      : [`${name} has the rules: ${seen}; at stage ${stage} they should be: ${expected}`];
  });
}

async function unexpectedChanges(stack: Stack, progress: Progress): Promise<string[]> {
  const { count, resources } = await progress.run("pulumi preview, unchanged", () =>
    pendingChanges(stack),
  );
  return count === 0
    ? []
    : [`pulumi preview would change ${count} resources: ${resources.join(", ")}`];
}
