import type { Finding } from "../../migration/audit/finding.js";
import type { StageMove } from "../../migration/move/outcome.js";
import type { Stage } from "../../migration/stages.js";
import type { CompletedStep } from "../update/watchedUpdate.js";

/** What every refusal and failure tells. Its `outcome` is the word that `kiam-migrate --json` has. */
interface Told {
  stackName: string;
  message: string;
  /** Commands to type next, the most sensible first. */
  next?: readonly string[];
  cause?: unknown;
}

/** Something that was asked for was refused, or failed. The classes below say which. */
export abstract class MigrationError extends Error {
  /** The same word as in the answers of `kiam-migrate --json`. */
  abstract readonly outcome: string;
  readonly stackName: string;
  /** Commands to type next, the most sensible first. */
  readonly next: readonly string[];

  constructor({ stackName, message, next = [], cause }: Told) {
    super(message, { cause });
    this.name = new.target.name;
    this.stackName = stackName;
    this.next = next;
  }
}

/** Findings of the audit stand in the way. Nothing was touched. */
export class BlockedError extends MigrationError {
  readonly outcome = "blocked";

  constructor(
    told: Told,
    /** The first stage on the way at which they do; undefined: that of the settings. */
    readonly stage: Stage | undefined,
    readonly findings: readonly Finding[],
  ) {
    super(told);
  }
}

/** `approve` said no. Nothing was touched. */
export class NotApprovedError extends MigrationError {
  readonly outcome = "declined";

  constructor(
    told: Told,
    /** Undefined where a recovery was not approved. */
    readonly planId: string | undefined,
  ) {
    super(told);
  }
}

/** Another plan was approved: cluster or settings have changed since. Nothing was touched. */
export class OtherPlanError extends MigrationError {
  readonly outcome = "other-plan";

  constructor(
    told: Told,
    /** The plan's id as it is now. */
    readonly planId: string,
    /** What differs, a line each; empty where what the approved one said is not known here. */
    readonly differences: readonly string[],
  ) {
    super(told);
  }
}

/** Another update runs on the stack, or may run. Nothing was touched. */
export class StackLockedError extends MigrationError {
  readonly outcome = "locked";
}

/** An update was cut short, the last one or this one: recover first. Where it was the last one, nothing was touched now. */
export class CutShortError extends MigrationError {
  readonly outcome = "cut-short";
}

/** Of what was to be written, some or all was not. */
export class NotWrittenError extends MigrationError {
  readonly outcome = "failed";

  constructor(
    told: Told,
    /** What was written, such as roles by ARN. */
    readonly written: readonly string[],
    /** What was not, and why. */
    readonly failed: readonly { what: string; message: string }[],
  ) {
    super(told);
  }
}

/** How far a move came that ended early. */
interface HowFar {
  /** Where it was going then; undefined where no update was begun. */
  at: Stage | "nothing" | undefined;
  /** The updates before, which succeeded. */
  moves: readonly StageMove[];
  /** What the last update had done. */
  steps: readonly CompletedStep[];
}

abstract class EndedEarlyError extends MigrationError {
  readonly at: HowFar["at"];
  readonly moves: HowFar["moves"];
  readonly steps: HowFar["steps"];

  constructor(told: Told, { at, moves, steps }: HowFar) {
    super(told);
    this.at = at;
    this.moves = moves;
    this.steps = steps;
  }
}

/** A gate or a resource failed. What had moved keeps working; nothing after it was begun. */
export class MoveFailedError extends EndedEarlyError {
  readonly outcome = "failed";
}

/** It was stopped, as its signal asked. What was under way has ended; nothing new was begun. */
export class StoppedError extends EndedEarlyError {
  readonly outcome = "stopped";
}

/** What an update has left that was cut short could not be cleared. */
export class NotRecoveredError extends MigrationError {
  constructor(
    told: Told,
    /**
     * `refused`: a worker is in no known state, or a gate still runs; nothing was changed. `failed`: it
     * is cleared, but what was being made could not be taken over.
     */
    readonly outcome: "refused" | "failed",
    /** Workers that may be half-way, by name. */
    readonly workers: readonly string[],
    /** What was under way, an entry for each operation and lock. */
    readonly left: readonly string[],
  ) {
    super(told);
  }
}
