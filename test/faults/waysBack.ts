import assert from "node:assert/strict";

import { destroyAll } from "../../automation/moveTo.js";
import { silentProgress } from "../../automation/progress.js";
import { stages, type Stage } from "../../migration/stages.js";
import { fault } from "./fault.js";

/*
 * From every stage to every earlier one in a single update, and pulumi destroy: no moment
 * without a working rule. Steps to the stage right before are the everyday of the other tests.
 */

const jumps: [Stage, Stage][] = stages.flatMap((from, index) =>
  stages.slice(0, Math.max(0, index - 1)).map((to): [Stage, Stage] => [from, to]),
);

for (const [from, to] of jumps) {
  fault(`way back: from ${from} to ${to} at once`, {
    at: from,
    leaves: to,
    run: async (lab) => {
      await lab.mustReach(to);
      return `every worker has the rules of stage ${to}`;
    },
  });
}

fault("pulumi destroy at stage retire", {
  at: "retire",
  leaves: "prepare",
  run: async (lab) => {
    const stack = await lab.stack("retire");
    await destroyAll(stack, { progress: silentProgress, parallel: 4 });
    await lab.assertRules("prepare");
    const { resources = [] } = (await stack.exportStack()).deployment as {
      resources?: { type: string }[];
    };
    assert.deepEqual(
      resources.filter((each) => each.type !== "pulumi:pulumi:Stack"),
      [],
    );
    await lab.prepareAgain();
    return "kube2iam serves every worker as before; nothing is left in the stack";
  },
});
