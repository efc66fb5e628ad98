import { strict as assert } from "node:assert";

import { explainVerdict, parseVerdict, type ProbeVerdict } from "../../gates/probeVerdict.js";
import { roleForms } from "../../gates/roleForms.js";

const failed: ProbeVerdict = {
  verdict: "failed",
  role: "",
  code: "",
  expiration: "",
  error: "",
  attempts: 3,
  failures: 3,
  milliseconds: 3000,
};
const question = { role: "app", address: "10.0.0.1:8881" };

describe("the verdict of a probe", () => {
  it("is read from the termination message, and only from a whole one", () => {
    assert.deepEqual(parseVerdict(JSON.stringify(failed)), failed);
    assert.equal(parseVerdict(undefined), undefined);
    assert.equal(parseVerdict('{"verdict":"right"}'), undefined);
    assert.equal(parseVerdict("Killed"), undefined);
  });

  it("says which identity was answered when it was the wrong one", () => {
    const { what } = explainVerdict({ ...failed, verdict: "wrong", role: "nodes.lab" }, question);
    assert.match(what, /answered the role nodes\.lab to a pod annotated with app/);
  });

  for (const [error, hint] of [
    ["wget: server returned error: HTTP/1.1 401 Unauthorized", /no rule intercepts/],
    ["wget: can't connect to remote host (10.0.0.1): Connection refused", /nothing listens/],
    ["listing the role: timed out after 5 s", /did not answer in time/],
    ["wget: server returned error: HTTP/1.1 404 Not Found", /has no role for this pod/],
  ] as const) {
    it(`explains: ${error}`, () => {
      assert.match(explainVerdict({ ...failed, error }, question).why ?? "", hint);
    });
  }
});

describe("the forms of a role in the list of credentials", () => {
  it("are the annotation, as kiam answers, and what kube2iam leaves of the ARN", () => {
    assert.deepEqual(roleForms("app"), ["app"]);
    assert.deepEqual(roleForms("teams/payments/app"), [
      "teams/payments/app",
      "payments/app",
      "app",
    ]);
    assert.deepEqual(roleForms("/teams/app"), ["/teams/app", "teams/app", "app"]);
    assert.deepEqual(roleForms("arn:aws:iam::123456789012:role/app"), [
      "arn:aws:iam::123456789012:role/app",
      "app",
    ]);
  });
});
