import assert from "node:assert/strict";

import { statusAnswer } from "../../../automation/look/statusOfStack.js";
import { statusAsText } from "../../../cli/status/statusAnswer.js";
import type { Status } from "../../../migration/status/status.js";
import type { WorkerStatus } from "../../../migration/status/workerStatus.js";

/* Pure: what people read. The command itself is for test/engine. */

function worker(change: Partial<WorkerStatus>): WorkerStatus {
  return {
    name: "worker-1",
    outside: false,
    broken: undefined,
    answering: { who: "kiam", by: "rules", seen: undefined },
    deviation: undefined,
    proven: true,
    provenAt: "2026-01-02T03:04:05.678Z",
    kube2iamClients: [],
    left: [],
    waits: undefined,
    known: true,
    ...change,
  };
}

function text(change: Partial<Status>): string {
  return statusAsText(
    statusAnswer({
      stack: "staging",
      stage: { settings: "cutover", reached: "cutover", begun: "cutover" },
      update: { at: "rest" },
      stateRead: true,
      blocking: 0,
      workers: [worker({})],
      servers: { wanted: 3, ready: 3 },
      agents: { wanted: 4, ready: 3 },
      certificates: [{ secret: "kiam-server-tls", days: 300 }],
      unseen: [],
      next: ["kiam-migrate audit --stack staging --stage retire"],
      ...change,
    }),
  );
}

describe("the answer of kiam-migrate status", () => {
  it("says that nothing is left to do, and what to type next", () => {
    const answer = text({});
    assert.match(answer, /worker-1 .* kiam \(by its rules\) .* 2026-01-02T03:04:05Z .* nothing /);
    assert.match(answer, /servers {3}3 of 3 ready\nagents {4}3 of 4 ready/);
    assert.match(answer, /kiam-server-tls: its certificate is valid for 300 days/);
    assert.match(
      answer,
      /Nothing is left to do at stage cutover\. Next:\n {2}kiam-migrate audit --stack staging --stage retire$/,
    );
  });

  it("says of each worker what is left to do, and why", () => {
    const answer = text({
      stage: { settings: "cutover", reached: "agent", begun: "cutover" },
      workers: [
        worker({ name: "w-1", left: ["recheck", "live-probe"], proven: false }),
        worker({ name: "w-2", known: false, left: undefined }),
        worker({ name: "w-3", broken: "it is not Ready" }),
        worker({ name: "w-4", kube2iamClients: [{ client: "a/b", connections: 2 }] }),
      ],
    });
    assert.match(answer, /by its state: agent, cutover begun/);
    assert.match(answer, /w-1 .* recheck → live-probe/);
    assert.match(answer, /w-2 \(no update has seen it\) .* not known/);
    assert.match(answer, /w-3 .* it is not Ready/);
    assert.match(answer, /w-4 .* a\/b \(2\)/);
    assert.match(
      answer,
      /Stage cutover is not complete: something is left to do on 2 nodes\. Next:/,
    );
  });

  it("says why the cutover does not count where no worker has to move", () => {
    const stage = { settings: "cutover", reached: "agent", begun: "cutover" } as const;
    const conclusion =
      /not complete: no worker has moved, and the settings select none that has to/;
    assert.match(text({ stage, workers: [] }), conclusion);
    assert.doesNotMatch(text({ stage, workers: [worker({ left: ["recheck"] })] }), conclusion);
  });

  it("shows what an update has left before anything else, and nothing that a terminal acts on", () => {
    const answer = text({
      update: { at: "cut-short", said: "  under way: creating\u001b[2J gate x" },
      blocking: 2,
    });
    assert.match(answer, /the last one was cut short:\n {2}under way: creating\\u001b\[2J gate x/);
    assert.match(answer, /2 findings would stop an update/);
    assert.match(answer, /Nothing else can begin before that is over\./);
  });
});
