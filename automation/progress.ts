import { styleText } from "node:util";
import { createLogUpdate } from "log-update";

import { messageOf } from "../migration/text/text.js";
import { shown, shownLine } from "../migration/text/shown.js";

/** How often a terminal's live lines are drawn anew, in milliseconds. */
const FRAME_MS = 100;
/** How often work that goes on is mentioned where there is no terminal, in milliseconds. */
const REMINDER_MS = 15_000;
/** Work shorter than this is mentioned only once, when it ends, where there is no terminal. */
const QUIET_MS = 1_000;

/** One piece of work that is going on. Ends with exactly one of `done` and `fail`; later calls do nothing. */
export interface Step {
  /** Says what the work is at, beside its title. Replaces what was said before. */
  update(detail: string): void;
  done(detail?: string): void;
  fail(detail?: string): void;
}

/** Tells a person what is going on and for how long. Several steps may be open at once. */
export interface Progress {
  step(title: string): Step;
  /** Runs `work` as a step: done when it resolves, failed (and thrown on) when it rejects. */
  run<T>(title: string, work: (step: Step) => Promise<T>): Promise<T>;
  /** Text that stays, above what is still going on. */
  note(text: string): void;
}

/** A duration for people: `0.4 s`, `42 s`, `4 min 05 s`. */
export function formatElapsed(milliseconds: number): string {
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/**
 * Progress on a stream: live lines with a running clock on a terminal; elsewhere (a CI log, a pipe)
 * a line when the work ends and, while it lasts, one every 15 seconds.
 *
 * @param stream where to write; default standard output.
 */
export function createProgress(stream: NodeJS.WriteStream = process.stdout): Progress {
  return stream.isTTY ? new TerminalProgress(stream) : new PlainProgress(stream);
}

/** Progress that shows nothing, for tests and for callers that show their own. */
export const silentProgress: Progress = {
  step: () => ({ update: () => {}, done: () => {}, fail: () => {} }),
  run: (_title, work) => work(silentProgress.step("")),
  note: () => {},
};

class RunningStep implements Step {
  readonly startedAt = Date.now();
  detail = "";
  timer: NodeJS.Timeout | undefined;
  private ended = false;

  readonly title: string;

  constructor(
    title: string,
    private readonly onEnd: (step: RunningStep, succeeded: boolean, detail?: string) => void,
  ) {
    this.title = shownLine(title);
  }

  get elapsed(): string {
    return formatElapsed(Date.now() - this.startedAt);
  }

  update(detail: string): void {
    this.detail = detail;
  }

  done(detail?: string): void {
    this.end(true, detail);
  }

  fail(detail?: string): void {
    this.end(false, detail);
  }

  private end(succeeded: boolean, detail?: string): void {
    if (this.ended) return;
    this.ended = true;
    this.onEnd(this, succeeded, detail);
  }
}

abstract class StreamProgress implements Progress {
  constructor(protected readonly stream: NodeJS.WriteStream) {}

  abstract step(title: string): Step;
  /** Writes what this file has made, styles and all. */
  protected abstract write(text: string): void;

  note(text: string): void {
    this.write(shown(text));
  }

  async run<T>(title: string, work: (step: Step) => Promise<T>): Promise<T> {
    const step = this.step(title);
    try {
      const result = await work(step);
      step.done();
      return result;
    } catch (error) {
      step.fail(firstLine(error));
      throw error;
    }
  }
}

class TerminalProgress extends StreamProgress {
  private readonly live: ReturnType<typeof createLogUpdate>;
  private readonly running = new Set<RunningStep>();
  private timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream) {
    super(stream);
    this.live = createLogUpdate(stream);
  }

  step(title: string): Step {
    const step = new RunningStep(title, (ended, succeeded, detail) => {
      this.running.delete(ended);
      const mark = succeeded ? styleText("green", "✔") : styleText("red", "✖");
      this.write(`${mark} ${ended.title} ${styleText("dim", ended.elapsed)}${after(detail)}`);
    });
    this.running.add(step);
    this.draw();
    return step;
  }

  protected write(text: string): void {
    this.live.clear();
    this.stream.write(`${text}\n`);
    this.draw();
  }

  private draw(): void {
    if (this.running.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
      this.live.done(); // gives the cursor back
      return;
    }
    // The clock must never keep the program alive.
    this.timer ??= setInterval(() => this.draw(), FRAME_MS).unref();
    const lines = [...this.running].map(
      (step) =>
        `${styleText("cyan", "›")} ${step.title} ${styleText("dim", step.elapsed)}${after(step.detail)}`,
    );
    this.live(lines.join("\n"));
  }
}

class PlainProgress extends StreamProgress {
  step(title: string): Step {
    const step = new RunningStep(title, (ended, succeeded, detail) => {
      clearTimeout(ended.timer);
      this.write(
        `${ended.title}: ${succeeded ? "done" : "FAILED"} after ${ended.elapsed}${after(detail)}`,
      );
    });
    const mention = (): void => {
      const begins = Date.now() - step.startedAt < REMINDER_MS;
      this.write(
        begins ? `${step.title} ...` : `${step.title} ... ${step.elapsed}${after(step.detail)}`,
      );
      step.timer = setTimeout(mention, REMINDER_MS).unref();
    };
    step.timer = setTimeout(mention, QUIET_MS).unref();
    return step;
  }

  protected write(text: string): void {
    this.stream.write(`${text}\n`);
  }
}

/** The rest is for whoever reports the error. */
function firstLine(error: unknown): string {
  return messageOf(error).split("\n", 1)[0] ?? "";
}

function after(detail: string | undefined): string {
  return detail ? ` (${shownLine(detail)})` : "";
}
