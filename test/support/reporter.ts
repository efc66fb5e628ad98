import Mocha from "mocha";

import { skipReasons } from "./skips.js";

/**
 * Mocha's own spec reporter, then a line for each failure, what was skipped and why, and the
 * counts in one line: where only the end of a log is kept, it still says what failed.
 */
class Reporter extends Mocha.reporters.Spec {
  private readonly failed: string[] = [];

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.on(Mocha.Runner.constants.EVENT_TEST_FAIL, (test, error: { message?: string }) => {
      // From a parallel run's process it comes as a plain object.
      const message = error.message ?? "no message";
      this.failed.push(`${test.fullTitle()}: ${message.replace(/\s+/g, " ").slice(0, 300)}`);
    });
  }

  override epilogue(): void {
    super.epilogue();
    if (this.failed.length > 0) Mocha.reporters.Base.consoleLog("failed:");
    for (const failure of this.failed) Mocha.reporters.Base.consoleLog(`  - ${failure}`);
    for (const [reason, tests] of skipReasons()) {
      Mocha.reporters.Base.consoleLog(`skipped, ${reason}:`);
      for (const test of tests) Mocha.reporters.Base.consoleLog(`  - ${test}`);
    }
    const { passes, failures, pending } = this.stats;
    Mocha.reporters.Base.consoleLog(`\n${passes} passed, ${failures} failed, ${pending} skipped`);
  }
}

module.exports = Reporter;
