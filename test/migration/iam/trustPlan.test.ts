import assert from "node:assert/strict";

import type { ApplicationRoleFacts, IamFacts } from "../../../migration/facts/iamFacts.js";
import { trustSid, type TrustDocument, type TrustStatement } from "../../../migration/iam/trust.js";
import { trustAddition } from "../../../migration/iam/trustAddition.js";
import { planServerTrust, planWorkerRemoval } from "../../../migration/iam/trustPlan.js";
import { withoutTrust } from "../../../migration/iam/trustRemoval.js";
import { exampleIam, exampleRole } from "../../support/exampleCluster.js";

/* Pure. What IAM accepts and refuses: test/lab/trust.test.ts. */

const role = (name: string) => `arn:aws:iam::123456789012:role/${name}`;
const worker = role("nodes.example.com");
const kiam = role("kiam-server");
const id = "AROAJQABLZS4A3QDU576Q";

const trusts = (
  principal: string | string[],
  change: Partial<TrustStatement> = {},
): TrustStatement => ({
  Effect: "Allow",
  Principal: { AWS: principal },
  Action: "sts:AssumeRole",
  ...change,
});
const own = (principal: string | string[]) => ({ Sid: trustSid, ...trusts(principal) });
const document = (...Statement: TrustStatement[]): TrustDocument => ({
  Version: "2012-10-17",
  Statement,
});

describe("trustAddition", () => {
  it("shows the statement to add, between what is and what is to be", () => {
    const before = document(trusts(worker));
    const change = trustAddition(before, kiam, "AROANEW");
    assert.deepEqual(change, {
      current: before,
      proposed: document(trusts(worker), own(kiam)),
      statement: own(kiam),
      reason: "missing",
      obstacle: undefined,
    });
    const again = trustAddition(change.proposed, kiam, "AROANEW");
    assert.deepEqual([again.reason, again.statement], ["present", undefined]);
    assert.equal(again.proposed, change.proposed);
  });

  it("recognises a server role that was created anew by the id of the old one", () => {
    const change = trustAddition(document(trusts(worker), own(id)), kiam, "AROANEW");
    assert.equal(change.reason, "recreated");
    assert.deepEqual(change.proposed, document(trusts(worker), own(kiam)));
    assert.equal(change.obstacle, undefined);
    // The id of the role that there is now is no obstacle: it is the role itself.
    assert.equal(trustAddition(document(own(id)), kiam, id).reason, "present");
  });

  it("says what to do where another statement names somebody who is gone", () => {
    const { obstacle } = trustAddition(document(trusts([worker, id])), kiam, "AROANEW");
    assert.match(obstacle ?? "", /names AROAJQ.*IAM refuses.*remove it/);
  });

  it("does not pass over a denial, which no statement overrides", () => {
    const denial = trusts(kiam, { Effect: "Deny" });
    const change = trustAddition(document(trusts(worker), denial), kiam);
    assert.match(change.obstacle ?? "", /denies .*kiam-server/);
    assert.match(trustAddition(document(own(kiam), denial), kiam).obstacle ?? "", /denies/);
  });

  it("adds nothing where the whole account is trusted", () => {
    const root = document(trusts("arn:aws:iam::123456789012:root"));
    assert.equal(trustAddition(root, kiam).reason, "present");
  });
});

describe("withoutTrust", () => {
  const proposed = (...statements: TrustStatement[]) =>
    withoutTrust(document(...statements), worker).proposed;

  it("removes that principal and no other", () => {
    assert.deepEqual(proposed(trusts([worker, kiam])), document(trusts(kiam)));
    assert.deepEqual(
      proposed(trusts([worker, kiam, role("x")])),
      document(trusts([kiam, role("x")])),
    );
    const service = { Service: "ec2.amazonaws.com" };
    assert.deepEqual(
      proposed(trusts(worker, { Principal: { AWS: worker, ...service } })),
      document(trusts(worker, { Principal: service })),
    );
  });

  it("drops a statement that then names nobody", () => {
    assert.deepEqual(proposed(trusts(worker), own(kiam)), document(own(kiam)));
  });

  it("touches neither denials nor conditions, and nothing where it is absent", () => {
    const before = document(
      own(kiam),
      trusts(worker, { Effect: "Deny" }),
      trusts(worker, { Condition: { StringEquals: { "sts:ExternalId": "x" } } }),
      trusts(worker, { Principal: "*" }),
    );
    const removal = withoutTrust(before, worker);
    assert.equal(removal.reason, "absent");
    assert.equal(removal.proposed, before);
  });

  it("refuses where nobody would be left, or IAM would refuse the document", () => {
    const alone = withoutTrust(document(trusts(worker)), worker);
    assert.match(alone.obstacle ?? "", /no one could assume/);
    assert.equal(alone.proposed, alone.current);
    assert.match(
      withoutTrust(document(trusts(worker), own([kiam, id])), worker).obstacle ?? "",
      /AROAJQ.*IAM refuses/,
    );
  });
});

describe("the trust of all roles", () => {
  const facts = (name: string, trust: TrustDocument | undefined): ApplicationRoleFacts =>
    exampleRole(role(name), {
      exists: trust !== undefined,
      trust,
      trustsServer: JSON.stringify(trust ?? "").includes(kiam) ? "allowed" : "denied",
    });
  const iam = (change: Partial<IamFacts> = {}): IamFacts =>
    exampleIam({
      workerRoleArn: worker,
      roles: {
        [role("b")]: facts("b", document(trusts([worker, kiam]))),
        [role("a")]: facts("a", document(trusts([worker, role("x")]))),
        [role("c")]: facts("c", undefined),
      },
      ...change,
    });

  it("adds the kiam-server role, and names the roles that are not known", () => {
    const { changes, unknown } = planServerTrust(iam());
    assert.deepEqual(
      changes.map(({ arn, reason, obstacle }) => [arn, reason, obstacle]),
      [
        [role("a"), "missing", undefined],
        [role("b"), "present", undefined],
      ],
    );
    assert.deepEqual(unknown, [{ arn: role("c"), why: "there is no such role" }]);
  });

  it("waits for the kiam-server role", () => {
    const early = iam({ serverRole: { arn: kiam, id: undefined, exists: false } });
    assert.match(
      planServerTrust(early).changes[0]?.obstacle ?? "",
      /no role .*kiam-server yet.*prepare/,
    );
  });

  it("removes the workers' role only where kiam is trusted", () => {
    const [a, b] = planWorkerRemoval(iam())?.changes ?? [];
    assert.match(a?.obstacle ?? "", /does not trust .*kiam-server/);
    assert.equal(a?.proposed, a?.current);
    assert.deepEqual(b?.proposed, document(trusts(kiam)));
    assert.equal(planWorkerRemoval(iam({ workerRoleArn: undefined })), undefined);
  });
});
