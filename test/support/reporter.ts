import Mocha from "mocha";

import { formatElapsed } from "../../automation/progress.js";
import { skipReasons } from "./skips.js";

/** How many of the slowest tests the end of a run names. */
const SLOWEST = 10;

/**
 * Mocha's own spec reporter, then a line for each failure, what was skipped and why, the slowest
 * tests with the time of all, and the counts in one line: where only the end of a log is kept, it
 * still says what failed.
 */
class Reporter extends Mocha.reporters.Spec {
  private readonly failed: string[] = [];
  private readonly took: { title: string; milliseconds: number }[] = [];
  private readonly began = Date.now();

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { EVENT_TEST_FAIL, EVENT_TEST_END, EVENT_HOOK_END } = Mocha.Runner.constants;
    runner.on(EVENT_TEST_FAIL, (test, error: { message?: string }) => {
      // From a parallel run's process it comes as a plain object.
      const message = error.message ?? "no message";
      this.failed.push(`${test.fullTitle()}: ${message.replace(/\s+/g, " ").slice(0, 300)}`);
    });
    // A hook that boots a cluster takes as much as the tests that need it.
    for (const event of [EVENT_TEST_END, EVENT_HOOK_END] as const) {
      runner.on(event, (runnable: Mocha.Runnable) => {
        const { duration: milliseconds = 0 } = runnable;
        this.took.push({ title: runnable.fullTitle(), milliseconds });
      });
    }
  }

  override epilogue(): void {
    super.epilogue();
    const { consoleLog } = Mocha.reporters.Base;
    if (this.failed.length > 0) consoleLog("failed:");
    for (const failure of this.failed) consoleLog(`  - ${failure}`);
    for (const [reason, tests] of skipReasons()) {
      consoleLog(`skipped, ${reason}:`);
      for (const test of tests) consoleLog(`  - ${test}`);
    }
    const slowest = this.took.sort((a, b) => b.milliseconds - a.milliseconds).slice(0, SLOWEST);
    consoleLog(`\nthe slowest of ${this.took.length} tests and hooks:`);
    for (const { title, milliseconds } of slowest) {
      consoleLog(`  ${formatElapsed(milliseconds).padStart(12)}  ${title}`);
    }
    consoleLog(`  ${formatElapsed(Date.now() - this.began).padStart(12)}  all`);
    const { passes, failures, pending } = this.stats;
    consoleLog(`\n${passes} passed, ${failures} failed, ${pending} skipped`);
  }
}

module.exports = Reporter;
