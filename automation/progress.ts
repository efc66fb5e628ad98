import { styleText } from "node:util";
import { createLogUpdate } from "log-update";

import { ContactError } from "../migration/contact/contact.js";
import { messageOf } from "../migration/text/text.js";
import { shown, shownLine } from "../migration/text/shown.js";

/** How often a terminal's live lines are drawn anew, in milliseconds. */
const FRAME_MS = 100;
/** Without a terminal: how often work that goes on is mentioned, in milliseconds. */
const REMINDER_MS = 15_000;
/** Without a terminal: work shorter than this is mentioned only once, when it ends. */
const QUIET_MS = 1_000;

/** Work that is going on. The first `done`, `fail` or `stop` ends it; later calls do nothing. */
export interface Step {
  /** Says how far the work is, beside its title. Replaces what was said before. */
  update(detail: string): void;
  done(detail?: string): void;
  fail(detail?: string): void;
  /** It ends early, as it was asked to. */
  stop(detail?: string): void;
}

/** How work has ended. */
export type Ending = "done" | "failed" | "stopped";

/** Shows what is going on and for how long. Several steps may be open at once. */
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
  const display = stream.isTTY ? onTerminal(stream) : onPlainStream(stream);
  const step = (title: string): Step => {
    const began = Date.now();
    const running: RunningStep = {
      title: shownLine(title),
      detail: "",
      elapsed: () => formatElapsed(Date.now() - began),
    };
    const hide = display.show(running);
    let ended = false;
    const end = (how: Ending, detail: string | undefined): void => {
      if (ended) return;
      ended = true;
      hide();
      display.write(`${display.ending(running, how)}${after(detail)}`);
    };
    return {
      update: (detail) => void (running.detail = detail),
      done: (detail) => end("done", detail),
      fail: (detail) => end("failed", detail),
      stop: (detail) => end("stopped", detail),
    };
  };
  return {
    step,
    note: (text) => display.write(shown(text)),
    async run(title, work) {
      const running = step(title);
      try {
        const result = await work(running);
        running.done();
        return result;
      } catch (error) {
        // One line is enough here, and none for what is short: the caller reports it as a whole.
        running.fail(
          error instanceof ContactError ? undefined : messageOf(error).split("\n", 1)[0],
        );
        throw error;
      }
    },
  };
}

/** Progress that shows nothing, for tests and for callers that show their own. */
export const silentProgress: Progress = {
  step: () => ({ update: () => {}, done: () => {}, fail: () => {}, stop: () => {} }),
  run: (_title, work) => work(silentProgress.step("")),
  note: () => {},
};

interface RunningStep {
  title: string;
  detail: string;
  elapsed: () => string;
}

/** Where lines go. */
interface Display {
  /** Writes a line that stays, as it is: styles get through. */
  write(text: string): void;
  /** Shows that a step is going on. @returns what ends that */
  show(step: RunningStep): () => void;
  /** The line for a step that has ended. */
  ending(step: RunningStep, how: Ending): string;
}

const marks: Record<Ending, () => string> = {
  done: () => styleText("green", "✔"),
  failed: () => styleText("red", "✖"),
  stopped: () => styleText("yellow", "■"),
};

function onTerminal(stream: NodeJS.WriteStream): Display {
  const live = createLogUpdate(stream);
  const running = new Set<RunningStep>();
  let timer: NodeJS.Timeout | undefined;
  const line = (mark: string, { title, elapsed }: RunningStep) =>
    `${mark} ${title} ${styleText("dim", elapsed())}`;
  const draw = (): void => {
    if (running.size === 0) {
      clearInterval(timer);
      timer = undefined;
      live.done(); // gives the cursor back
      return;
    }
    // The clock must never keep the program alive.
    timer ??= setInterval(draw, FRAME_MS).unref();
    const mark = styleText("cyan", "›");
    live([...running].map((step) => line(mark, step) + after(step.detail)).join("\n"));
  };
  return {
    write(text) {
      live.clear();
      stream.write(`${text}\n`);
      draw();
    },
    show(step) {
      running.add(step);
      draw();
      return () => void running.delete(step);
    },
    ending: (step, how) => line(marks[how](), step),
  };
}

function onPlainStream(stream: NodeJS.WriteStream): Display {
  const write = (text: string) => void stream.write(`${text}\n`);
  return {
    write,
    show(step) {
      let first = true;
      const mention = (): void => {
        write(`${step.title} ...${first ? "" : ` ${step.elapsed()}${after(step.detail)}`}`);
        first = false;
        timer = setTimeout(mention, REMINDER_MS).unref();
      };
      let timer = setTimeout(mention, QUIET_MS).unref();
      return () => clearTimeout(timer);
    },
    ending: ({ title, elapsed }, how) =>
      `${title}: ${how === "failed" ? "FAILED" : how} after ${elapsed()}`,
  };
}

function after(detail: string | undefined): string {
  return detail ? ` (${shownLine(detail)})` : "";
}
