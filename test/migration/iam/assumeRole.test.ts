/** Pure: what policy documents say about one role assuming another. STS itself: test/lab. */
import { strict as assert } from "node:assert";

import {
  evaluateAssumeRole,
  type PolicyStatement,
  type Verdict,
} from "../../../migration/iam/assumeRole.js";

const caller = "arn:aws:iam::123456789012:role/kiam-server";
const target = "arn:aws:iam::123456789012:role/teams/app";
const id = "AROAEXAMPLE1";

const may: PolicyStatement = { Effect: "Allow", Action: "sts:AssumeRole", Resource: target };
const trusts: PolicyStatement = {
  Effect: "Allow",
  Action: "sts:AssumeRole",
  Principal: { AWS: caller },
};

function ask(policies: PolicyStatement[], trust: PolicyStatement[]) {
  return evaluateAssumeRole({
    caller: { arn: caller, id, policies: [{ Statement: policies }] },
    target: { arn: target, trust: { Statement: trust } },
  });
}

describe("may a role assume another", () => {
  it("yes, with both halves", () => {
    assert.deepEqual(ask([may], [trusts]), {
      allowed: "allowed",
      identity: "allowed",
      trust: "allowed",
      trustDenies: false,
      reasons: [],
      identityReasons: [],
    });
  });

  const identity: [string, Partial<PolicyStatement>[], Verdict][] = [
    ["nothing", [], "denied"],
    ["every role of the account", [{ Resource: "arn:aws:iam::123456789012:role/*" }], "allowed"],
    ["one unknown character", [{ Resource: `${target.slice(0, -1)}?` }], "allowed"],
    ["another role", [{ Resource: `${target}2` }], "denied"],
    ["sts:* in any case", [{ Action: "STS:*" }], "allowed"],
    ["another action", [{ Action: ["sts:TagSession"] }], "denied"],
    ["everything but IAM", [{ Action: undefined, NotAction: "iam:*" }], "allowed"],
    ["everything but this role", [{ Resource: undefined, NotResource: target }], "denied"],
    ["an explicit denial", [{}, { Effect: "Deny", Resource: "*" }], "denied"],
    ["a denial of something else", [{}, { Effect: "Deny", Resource: "arn:x" }], "allowed"],
    ["a condition", [{ Condition: { Bool: { "aws:SecureTransport": "true" } } }], "unknown"],
    ["a conditional denial", [{}, { Effect: "Deny", Condition: { A: {} } }], "unknown"],
    ["a variable", [{ Resource: "arn:aws:iam::123456789012:role/${aws:username}" }], "unknown"],
  ];
  for (const [what, statements, verdict] of identity) {
    it(`the caller's policies hold ${what}: ${verdict}`, () => {
      const answer = ask(
        statements.map((each) => ({ ...may, ...each })),
        [trusts],
      );
      assert.equal(answer.identity, verdict);
      assert.equal(answer.allowed, verdict);
      assert.equal(answer.reasons.length, verdict === "allowed" ? 0 : 1);
      assert.deepEqual(answer.identityReasons, answer.reasons);
    });
  }

  const trust: [string, PolicyStatement["Principal"], Verdict][] = [
    ["the caller among others", { AWS: ["arn:aws:iam::123456789012:role/x", caller] }, "allowed"],
    ["everybody", "*", "allowed"],
    ["every AWS principal", { AWS: "*" }, "allowed"],
    ["the account's root", { AWS: "arn:aws:iam::123456789012:root" }, "allowed"],
    ["the account's id", { AWS: "123456789012" }, "allowed"],
    ["another account", { AWS: "210987654321" }, "denied"],
    ["a service", { Service: "ec2.amazonaws.com" }, "denied"],
    ["the caller by its id", { AWS: id }, "allowed"],
    [
      "one session of the caller",
      { AWS: "arn:aws:sts::123456789012:assumed-role/kiam-server/a" },
      "unknown",
    ],
  ];
  for (const [what, principal, verdict] of trust) {
    it(`the target trusts ${what}: ${verdict}`, () => {
      assert.equal(ask([may], [{ ...trusts, Principal: principal }]).trust, verdict);
    });
  }

  it("says that a role created anew is another principal", () => {
    const { trust: verdict, reasons } = ask([may], [{ ...trusts, Principal: { AWS: "AROAOLD" } }]);
    assert.equal(verdict, "denied");
    assert.match(reasons.join("\n"), /AROAOLD, a role or user that was deleted/);
  });

  it("tells a trust policy that denies the caller from one that does not name it", () => {
    const denied = ask([may], [trusts, { ...trusts, Effect: "Deny" }]);
    assert.deepEqual([denied.trust, denied.trustDenies], ["denied", true]);
    assert.deepEqual(denied.reasons, [`the trust policy of ${target} denies ${caller}`]);
    assert.deepEqual(denied.identityReasons, []);
    const unnamed = ask([may], []);
    assert.deepEqual([unnamed.trust, unnamed.trustDenies], ["denied", false]);
  });

  it("cannot tell where documents could not be read", () => {
    const answer = evaluateAssumeRole({
      caller: { arn: caller, policies: undefined },
      target: { arn: target, trust: undefined },
    });
    assert.deepEqual([answer.identity, answer.trust], ["unknown", "unknown"]);
    assert.equal(answer.reasons.length, 2);
  });
});
