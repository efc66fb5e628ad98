import {
  ConcurrentUpdateError,
  type EngineEvent,
  type OpType,
  type StepEventMetadata,
  type UpOptions,
} from "@pulumi/pulumi/automation";

import { stopsAmong } from "../../migration/move/orderlyStop.js";
import { withMissingRight } from "../../migration/rights/missingRight.js";
import { count, messageOf } from "../../migration/text/text.js";
import type { Progress, Step } from "../progress.js";
import { describeUrn } from "../stack/urn.js";
import { stepsAtOnce, type OrderlyStop } from "./orderlyStop.js";
import { stopEngineOnce } from "./stopping.js";

export interface WatchOptions {
  progress: Progress;
  /** How many resources the engine works on at the same time; default 10. */
  parallel?: number;
  /**
   * Aborted to end what is under way at once: the engine cancels it, writes its state and lets go of
   * the stack. The process has to live on until then; see {@link stopOnSignals} in stopping.ts.
   */
  signal?: AbortSignal;
  /** Lets workers that have begun come to their end, where it is asked for. */
  stop?: OrderlyStop;
  /** Told of each resource when the engine is through with it. */
  onStep?: (step: CompletedStep) => void;
}

/** What to give to `up` or `destroy`. */
export type UpdateControl = Pick<UpOptions, "onEvent" | "parallel" | "signal" | "suppressProgress">;

/** A resource that an update has created, changed or removed. */
export interface CompletedStep {
  operation: OpType;
  /** Such as `DaemonSet kiam-agent`. */
  what: string;
}

/**
 * Runs an update and shows each resource while the engine works on it.
 *
 * @returns what was done, in the order in which it was finished
 * @throws UpdateFailedError; ConcurrentUpdateError where the engine refused because of a lock
 */
export async function watchedUpdate(
  { progress, parallel = stepsAtOnce, signal, onStep }: WatchOptions,
  update: (control: UpdateControl) => Promise<unknown>,
): Promise<CompletedStep[]> {
  const watcher = new UpdateWatcher(progress, onStep);
  const stopper = stopEngineOnce(signal, () => watcher.stopping);
  try {
    const onEvent = (event: EngineEvent) => watcher.see(event);
    await update({ onEvent, parallel, signal: stopper.signal, suppressProgress: true });
    return watcher.steps;
  } catch (error) {
    watcher.endOpenSteps();
    if (error instanceof ConcurrentUpdateError) throw error;
    throw new UpdateFailedError(watcher, error);
  } finally {
    stopper.dispose();
  }
}

/** An update that failed: what failed and why, and what had been done before it. */
export class UpdateFailedError extends Error {
  readonly steps: readonly CompletedStep[];
  /** Whether anything was begun: else settings, audit or an approval were against it. */
  readonly begun: boolean;
  /** Whether it ended only because it was asked to stop. */
  readonly stopped: boolean;
  /** Whether the engine was gone before the update was over: what it was at has to be recovered. */
  readonly cutShort: boolean;

  constructor({ steps, errors, stopping, begun, over }: UpdateWatcher, cause: unknown) {
    const cutShort = begun && !over;
    const { asked, left, others } = stopsAmong(errors);
    const inOrder = asked && others.length === 0 && !stopping && !cutShort;
    super(
      cutShort
        ? engineGone(errors)
        : inOrder
          ? stoppedInOrder(steps.length, left)
          : endedEarly(stopping, errors.length > 0 ? errors.join("\n") : messageOf(cause)),
      { cause },
    );
    this.name = "UpdateFailedError";
    this.steps = steps;
    this.begun = begun;
    this.stopped = !cutShort && (inOrder || stopping);
    this.cutShort = cutShort;
  }
}

/** @param errors what had failed before */
function engineGone(errors: readonly string[]): string {
  return [
    "The engine ended in the middle of the update: it was killed, or ran out of memory. What had moved keeps working; what was under way may be half done.",
    ...errors,
  ].join("\n");
}

/** @param left what its gates said of it */
function stoppedInOrder(steps: number, left: readonly string[]): string {
  return [
    `The update was stopped, as asked, after ${count(steps, "step")}. What was under way has come to its end, and nothing was begun after it.`,
    ...left,
  ].join("\n");
}

function endedEarly(stopping: boolean, reason: string): string {
  const what = stopping
    ? "The update was stopped, as asked. Gates that were under way were ended; the next update runs them again."
    : "The update failed.";
  return `${what} What had moved keeps working; nothing after it was started.\n${reason}`;
}

const verbs: Partial<Record<OpType, string>> = {
  create: "create",
  update: "update",
  delete: "remove",
  replace: "replace",
  "create-replacement": "create anew",
  "delete-replaced": "remove the old",
  discard: "forget",
  "discard-replaced": "forget the old",
};

/** Reads the engine's events: which resources it works on, which are done or failed, and why. */
class UpdateWatcher {
  readonly steps: CompletedStep[] = [];
  /** What failed, in the words of the engine and of the gates. */
  readonly errors: string[] = [];
  /** Whether the engine has been asked to stop, and knows. */
  stopping = false;
  /** Whether it has begun to work on any resource. */
  begun = false;
  /** Whether it has said that the update is over, well or not. */
  over = false;
  private readonly open = new Map<string, Step>();
  /** What did not begin, or ended early, because a stop was asked for; told before that it failed. */
  private readonly stopped = new Set<string>();

  constructor(
    private readonly progress: Progress,
    private readonly onStep: WatchOptions["onStep"],
  ) {}

  see(event: EngineEvent): void {
    if (event.resourcePreEvent !== undefined) this.began(event.resourcePreEvent.metadata);
    if (event.resOutputsEvent !== undefined) this.finished(event.resOutputsEvent.metadata);
    if (event.resOpFailedEvent !== undefined) this.endEarly(event.resOpFailedEvent.metadata.urn);
    if (event.summaryEvent !== undefined || event.cancelEvent !== undefined) this.over = true;
    // The engine says so in its own words only.
    if (event.stdoutEvent?.message.includes("received; cancelling")) this.stopping = true;
    if (event.diagnosticEvent?.severity === "error") {
      const { urn, message } = event.diagnosticEvent;
      const text = withoutColour(message).trim();
      if (urn && stopsAmong([text]).asked) this.stopped.add(urn);
      if (text !== "" && text !== "update failed") {
        this.errors.push(
          `${urn ? describeUrn(urn) : "the update"}:\n${indent(withMissingRight(text))}`,
        );
      }
    }
  }

  /** Ends, on the display, what the engine had under way when it failed. */
  endOpenSteps(): void {
    for (const urn of this.open.keys()) this.endEarly(urn);
  }

  private endEarly(urn: string): void {
    const step = this.open.get(urn);
    if (this.stopping || this.stopped.has(urn)) step?.stop();
    else step?.fail();
  }

  private began({ op, type, urn }: StepEventMetadata): void {
    const verb = verbs[op];
    if (verb === undefined || isBookkeeping(type)) return;
    this.begun = true;
    this.open.set(urn, this.progress.step(`${verb} ${describeUrn(urn)}`));
  }

  private finished({ op, urn }: StepEventMetadata): void {
    const step = this.open.get(urn);
    if (step === undefined) return;
    this.open.delete(urn);
    const completed = { operation: op, what: describeUrn(urn) };
    this.steps.push(completed);
    step.done();
    this.onStep?.(completed);
  }
}

/** Components, the stack and providers do nothing by themselves. */
function isBookkeeping(type: string): boolean {
  return type.startsWith("kube2iam-to-kiam:") || type.startsWith("pulumi:");
}

function withoutColour(message: string): string {
  return message.replace(/<\{%[^%]*%\}>/g, "");
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
