import assert from "node:assert/strict";

import {
  exactly,
  isPermitted,
  permittedProblem,
  resolveRoleArn,
} from "../../migration/permitted.js";

/* Pure. RE2 semantics come from re2js; that kiam agrees is proven on the embedded cluster. */

const arn = "arn:aws:iam::123456789012:role/teams/payments/app-payments";

describe("permitted", () => {
  it("matches the whole ARN, as kiam v4 does by default", () => {
    assert.ok(isPermitted(".*", arn));
    assert.ok(isPermitted("arn:aws:iam::123456789012:role/teams/.*", arn));
    assert.ok(!isPermitted("app-payments", arn), "a bare name is no ARN");
    assert.ok(!isPermitted("", arn));
    assert.ok(!isPermitted(undefined, arn));
    assert.ok(!isPermitted("(", arn));
  });

  it("shows kiam's own trap: an alternation binds weaker than ^ and $", () => {
    assert.ok(isPermitted("arn:aws:iam::123456789012:role/teams|nothing", arn));
  });

  it("refuses what Go does not compile, and what it compiles only inside ^…$", () => {
    assert.equal(permittedProblem(".*"), undefined);
    assert.match(permittedProblem("*.*") ?? "", /not a valid Go regular expression/);
    assert.match(permittedProblem("(?=x)") ?? "", /not a valid/, "look-ahead is not RE2");
    assert.match(permittedProblem("") ?? "", /empty/);
  });

  it("permits exactly one role", () => {
    assert.ok(isPermitted(exactly(arn), arn));
    assert.ok(
      !isPermitted(
        exactly("arn:aws:iam::123456789012:role/a.b"),
        "arn:aws:iam::123456789012:role/axb",
      ),
    );
  });

  it("resolves names, paths and ARNs", () => {
    const base = "arn:aws:iam::123456789012:role/";
    assert.equal(resolveRoleArn("app-orders", base), `${base}app-orders`);
    assert.equal(resolveRoleArn("teams/payments/app-payments", base), arn);
    assert.equal(resolveRoleArn(arn, base), arn);
  });
});
