import Mocha from "mocha";

import { skipReasons } from "./skips.js";

/** Mocha's own spec reporter, then what was skipped and why, and the counts in one line. */
class Reporter extends Mocha.reporters.Spec {
  override epilogue(): void {
    super.epilogue();
    for (const [reason, tests] of skipReasons()) {
      Mocha.reporters.Base.consoleLog(`skipped, ${reason}:`);
      for (const test of tests) Mocha.reporters.Base.consoleLog(`  - ${test}`);
    }
    const { passes, failures, pending } = this.stats;
    Mocha.reporters.Base.consoleLog(`\n${passes} passed, ${failures} failed, ${pending} skipped`);
  }
}

module.exports = Reporter;
