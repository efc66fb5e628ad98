import { z } from "zod";

import { plannedWorkers, type Plan } from "../plan/plan.js";
import { secretSettings, type Settings } from "../settings/schema.js";
import type { Stage } from "../stages.js";
import { digest } from "../text/digest.js";
import { compareText, count } from "../text/text.js";

/** What a move would do to a cluster. */
export interface PlannedMove {
  stack: string;
  /** Passed through in order, each by an update of its own. */
  stages: Stage[];
  /** Whether everything is taken away at the end. */
  all: boolean;
  /** At the last stage. */
  plan: Plan;
  settings: Settings;
}

/** One thing that a plan says: where, and what. */
const sayingSchema = z.tuple([z.string(), z.string()]);
export type Saying = z.output<typeof sayingSchema>;
export const sayingsSchema = z.array(sayingSchema);

/**
 * Everything that a move would do, as single sayings in a fixed order. Two moves that say the same do
 * the same: the id is made of them, and so is what differs. Secrets are left out: they change how
 * workers are reached, not what is done there.
 */
export function sayingsOf({ stack, stages, all, plan, settings }: PlannedMove): Saying[] {
  const { waves, staying, waiting } = plan;
  const waveOf = new Map<string, string>([
    ...waves.flatMap((wave) => wave.workers.map(({ name }) => [name, wave.name] as const)),
    ...staying.map(({ name }) => [name, "stays"] as const),
  ]);
  const workers = plannedWorkers(plan).map((worker) => ({
    ...worker,
    wave: waveOf.get(worker.name) ?? "waits",
  }));
  const waits = waiting.map(({ name, why, accepted }) => ({ name, why, accepted }));
  // The workers are said one by one, and the last stage with the others.
  const rest = without(plan, "waves", "staying", "waiting", "stage");
  const said = [
    ...saying("stack", stack),
    ...saying("stages", [...stages, ...(all ? ["nothing"] : [])].join(" → ")),
    ...saying("worker", workers),
    ...saying("waiting", waits),
    ...saying("plan", rest),
    ...saying("settings", without(settings, "stage")),
  ];
  return said.sort(([a], [b]) => compareText(a, b));
}

/** Stands for all that a move would do: another one where anything of it differs. */
export function planId(sayings: readonly Saying[]): string {
  return digest(sayings.map((each) => JSON.stringify(each)));
}

function without(object: object, ...keys: string[]): object {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

function saying(path: string, value: unknown): Saying[] {
  if (value === undefined || secretSettings.test(path)) return [];
  if (Array.isArray(value) && value.length > 0 && value.every(isNamed)) {
    return value.flatMap(({ name, ...rest }) => saying(`${path} ${name}`, rest));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [[path, typeof value === "string" ? value : JSON.stringify(value)]];
  }
  return Object.entries(value).flatMap(([key, inner]) => saying(`${path}.${key}`, inner));
}

function isNamed(value: unknown): value is { name: string } {
  return (
    typeof value === "object" && value !== null && "name" in value && typeof value.name === "string"
  );
}

/** What is said otherwise, a line each. */
export function differences(before: readonly Saying[], now: readonly Saying[]): string[] {
  const was = new Map(before);
  const is = new Map(now);
  return [...new Set([...was.keys(), ...is.keys()])].sort(compareText).flatMap((path) => {
    const [old, present] = [was.get(path), is.get(path)];
    if (old === present) return [];
    if (old === undefined) return [`+ ${path}: ${present}`];
    if (present === undefined) return [`- ${path}: ${old}`];
    return [`~ ${path}: ${old} → ${present}`];
  });
}

/** The cluster or the settings have changed since a plan was approved. */
export class PlanChangedError extends Error {
  constructor(readonly differences: readonly string[]) {
    super(
      `The plan has changed since it was approved, in ${count(differences.length, "thing")}; nothing was touched. Look at it again, and approve that:\n${differences
        .slice(0, mostDifferences)
        .map((line) => `  ${line}`)
        .join("\n")}`,
    );
    this.name = "PlanChangedError";
  }
}

/** Most differences that a message shows. */
const mostDifferences = 20;
