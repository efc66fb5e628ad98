import assert from "node:assert/strict";

import type { AuditAnswer } from "../../../automation/look/auditStack.js";
import { auditAsText } from "../../../cli/audit/auditAnswer.js";
import type { Finding } from "../../../migration/audit/finding.js";

/* Pure: what people read. The command itself is for test/engine/kiamMigrate.test.ts. */

function finding(change: Partial<Finding>): Finding {
  return {
    code: "host-key-unknown",
    severity: "blocks",
    object: "node/worker-1",
    seen: "ssh.hostKeys has no key for it",
    why: "…",
    fix: "…",
    ...change,
  };
}

function text(change: Partial<AuditAnswer>): string {
  return auditAsText({
    stack: "staging",
    stage: "cutover",
    lookedAt: { iam: true, log: true, ssh: true },
    findings: [],
    pods: [],
    ...change,
  });
}

describe("the answer of kiam-migrate audit", () => {
  it("groups findings by what they ask of the reader", () => {
    const answer = text({
      findings: [
        finding({ code: "role-missing", object: "role/a", acknowledged: "gone soon" }),
        finding({}),
        finding({ severity: "warns", object: "node/worker-2" }),
        finding({ severity: "informs", object: "kiam" }),
      ],
    });
    const titles = answer.split("\n").filter((line) => /^\w.*\(\d+\):$/.test(line));
    assert.deepEqual(titles, [
      "Stands in the way (1):",
      "To be looked at (1):",
      "To be known (1):",
      "Would stand in the way, and was acknowledged (1):",
    ]);
    assert.match(answer, /acknowledged: gone soon/);
    assert.match(answer, /1 finding stands in the way of stack staging at stage cutover\.$/);
  });

  it("says once what a thousand workers lack", () => {
    const findings = Array.from({ length: 1000 }, (_, index) =>
      finding({ object: `node/worker-${index}` }),
    );
    const answer = text({ findings });
    assert.match(answer, /node\/worker-4 and 995 more: ssh\.hostKeys has no key for it/);
    assert.equal(answer.match(/has no key/g)?.length, 1);
    assert.match(answer, /1000 findings stand in the way/);
  });

  it("names what was not looked at", () => {
    const lookedAt = { iam: false, log: true, ssh: false };
    assert.match(text({ lookedAt }), /Not looked at: IAM, the workers over SSH/);
    assert.doesNotMatch(text({}), /Not looked at/);
  });

  it("has a verdict for the pods of each namespace and role", () => {
    const pods = [
      {
        namespace: "orders",
        role: "arn:aws:iam::123456789012:role/app-orders",
        verdict: "refused" as const,
        because: ["namespace orders permits no role"],
        pods: ["a", "b"],
      },
    ];
    assert.match(text({ pods }), /orders +│ arn:\S+app-orders +│ 2 +│ refused +│ namespace orders/);
  });
});
