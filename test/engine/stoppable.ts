/*
 * `stoppable.ts ENGINE`: moves a stack of its own as a command line does, for stopUpdate.test.ts,
 * which types Ctrl-C. The last line that it prints is JSON: what the move threw and left.
 */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

import * as command from "@pulumi/command";

import { moveTo } from "../../automation/moveTo.js";
import { pendingIn } from "../../automation/recover/pendingOperations.js";
import { createProgress } from "../../automation/progress.js";
import { withOrderlyStop } from "../../automation/update/orderlyStop.js";
import { stopOnSignals } from "../../automation/update/stopping.js";
import { createStack } from "./engine.js";

export interface Ending {
  threw: string;
  pending: number;
  locks: string[];
}

async function main(engine: string): Promise<Ending> {
  const test = await createStack(engine);
  test.program(() => {
    new command.local.Command("slow", { create: "sleep 20" });
    return Promise.resolve();
  });
  let threw = "nothing";
  try {
    const progress = createProgress();
    await stopOnSignals(progress, (signal, atOnce) =>
      withOrderlyStop(signal, (stop) =>
        moveTo(test.stack, "cutover", { progress, stop, signal: atOnce }),
      ),
    );
  } catch (error) {
    threw = String(error);
  }
  const pending = pendingIn(await test.stack.exportStack()).length;
  const directory = path.join(test.directory, ".pulumi/locks/organization/test/unit");
  const locks = existsSync(directory) ? readdirSync(directory) : [];
  await test.dispose();
  return { threw, pending, locks };
}

void main(process.argv[2] ?? "").then((ending) => console.log(JSON.stringify(ending)));
