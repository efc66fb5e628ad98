import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { silentProgress } from "../../../automation/progress.js";
import { approval } from "../../../cli/move/approval.js";
import { savePlan } from "../../../automation/move/savedPlans.js";
import { planId, type Saying } from "../../../migration/move/plannedMove.js";

/* With a cache of plans in a directory of its own, and a terminal that answers as it is told to. */

describe("the approval of a move", () => {
  const sayings: Saying[] = [["worker worker-1.wave", "wave-1"]];
  const id = planId(sayings);
  const cacheBefore = process.env.XDG_CACHE_HOME;
  let cache: string;

  before(async () => {
    cache = await mkdtemp(join(tmpdir(), "kiam-plans-"));
    process.env.XDG_CACHE_HOME = cache;
  });

  after(async () => {
    if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = cacheBefore;
    await rm(cache, { recursive: true });
  });

  async function approved(
    options: { yes?: boolean; approve?: string },
    answer?: string,
    stack = "staging",
  ) {
    const asked: string[] = [];
    const result = await approval(
      { stack, does: `Move stack ${stack} to stage agent`, id, sayings },
      { yes: false, ...options },
      {
        answer: () => assert.fail("an approval is no answer"),
        progress: silentProgress,
        ...(answer === undefined
          ? {}
          : {
              ask: (question) => {
                asked.push(question);
                return Promise.resolve(answer);
              },
            }),
      },
    );
    return { result, asked };
  }

  it("is given by the answer to a question", async () => {
    const { result, asked } = await approved({}, "y");
    assert.deepEqual([result.granted, asked], [true, ["Move stack staging to stage agent? [y/N]"]]);
    assert.equal((await approved({}, "")).result.granted, false);
    assert.equal((await approved({}, "y", "production")).result.granted, false);
    assert.equal((await approved({}, "production", "production")).result.granted, true);
  });

  it("is given by --yes or the plan's id, without a question", async () => {
    for (const options of [{ yes: true }, { approve: id }]) {
      assert.deepEqual(await approved(options, "n"), { result: { granted: true }, asked: [] });
    }
  });

  it("is refused where there is no terminal to ask at", async () => {
    const { result } = await approved({});
    assert.ok(!result.granted);
    assert.equal(result.outcome, "declined");
    assert.match(result.why, /approve the plan by its id, or pass --yes\. Nothing was touched/);
  });

  it("is refused for another plan even with --yes, and shows how that one differs", async () => {
    const former: Saying[] = [["worker worker-1.wave", "canary-1"]];
    await savePlan(planId(former), former);
    const { result } = await approved({ approve: planId(former), yes: true }, "y");
    assert.ok(!result.granted);
    assert.equal(result.outcome, "other-plan");
    assert.deepEqual(result.differences, ["~ worker worker-1.wave: canary-1 → wave-1"]);
    assert.match(result.why, /They differ in 1 thing/);
  });

  it("says so where the approved plan is not known here, or its name is no id", async () => {
    for (const approve of ["0123456789ab", "../../etc/passwd"]) {
      const { result } = await approved({ approve });
      assert.ok(!result.granted);
      assert.deepEqual(result.differences, []);
      assert.match(result.why, /is not known here/);
    }
  });
});
