import { strict as assert } from "node:assert";

import {
  explainIdentity,
  explainVerdict,
  metadataService,
  parseVerdict,
  type ProbeVerdict,
} from "../../../worker/probe/verdict.js";
import { roleForms } from "../../../migration/iam/roleArn.js";

const failed: ProbeVerdict = {
  verdict: "failed",
  role: "",
  code: "",
  expiration: "",
  error: "",
  attempts: 3,
  failures: 3,
  milliseconds: 3000,
  before: { who: "kiam", ping: "pong", healthz: "HTTP/1.1 404 Not Found" },
  after: null,
};
const right: ProbeVerdict = { ...failed, verdict: "right", role: "app", after: failed.before };
const question = { role: "app", address: "10.0.0.1:8881", expected: "kiam" as const };
const kube2iam = {
  who: "kube2iam" as const,
  ping: "HTTP/1.1 404 Not Found",
  healthz: "{ hostIP : 10.0.0.1 }",
};
const nobody = { ...kube2iam, who: "nobody" as const, healthz: "HTTP/1.1 404 Not Found" };
const unclear = { who: "unclear" as const, ping: "pong", healthz: "timed out after 5 s" };

describe("the verdict of a probe", () => {
  it("is read from the termination message, and only from a whole one", () => {
    assert.deepEqual(parseVerdict(JSON.stringify(failed)), failed);
    assert.equal(parseVerdict(undefined), undefined);
    assert.equal(parseVerdict('{"verdict":"right"}'), undefined);
    assert.equal(parseVerdict("Killed"), undefined);
  });

  it("is none where it says right and not who was there before and after", () => {
    assert.deepEqual(parseVerdict(JSON.stringify(right)), right);
    for (const part of [{ after: null }, { after: undefined }, { before: undefined }]) {
      assert.equal(parseVerdict(JSON.stringify({ ...right, ...part })), undefined);
    }
    assert.equal(parseVerdict(JSON.stringify({ ...right, verdict: "unclear" })), undefined);
  });

  for (const hostile of ["\u001b[2J", "a\nb", "\u0000", "é", "x".repeat(601)]) {
    it(`is none with ${JSON.stringify(hostile).slice(0, 20)} in any of its texts`, () => {
      for (const member of ["role", "code", "expiration", "error"]) {
        assert.equal(parseVerdict(JSON.stringify({ ...right, [member]: hostile })), undefined);
      }
      for (const member of ["who", "ping", "healthz"]) {
        for (const when of ["before", "after"]) {
          const identity = { ...failed.before, [member]: hostile };
          assert.equal(parseVerdict(JSON.stringify({ ...right, [when]: identity })), undefined);
        }
      }
    });
  }

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

describe("who answered a probe", () => {
  it("is right where it was the expected system, before and after", () => {
    assert.equal(explainIdentity(right, question), undefined);
    const served = { ...right, before: kube2iam, after: kube2iam };
    assert.equal(explainIdentity(served, { ...question, expected: "kube2iam" }), undefined);
  });

  it("is said with what was answered, why it matters and where to look", () => {
    const served = { ...right, before: kube2iam, after: kube2iam };
    const live = { ...question, address: metadataService };
    assert.deepEqual(
      [explainIdentity(served, live), explainIdentity(served, question)].map((each) => [
        each?.what,
        each?.why?.slice(0, 16),
        each?.fix?.slice(0, 27),
      ]),
      [
        [
          "kube2iam answers at 169.254.169.254, not kiam: /ping: HTTP/1.1 404 Not Found; /healthz: { hostIP : 10.0.0.1 }",
          "kube2iam supplie",
          "look at everything that red",
        ],
        [
          "kube2iam answers at 10.0.0.1:8881, not kiam: /ping: HTTP/1.1 404 Not Found; /healthz: { hostIP : 10.0.0.1 }",
          "kube2iam supplie",
          "see who listens on this por",
        ],
      ],
    );
    const open = explainIdentity({ ...right, before: nobody, after: nobody }, live);
    assert.match(open?.what ?? "", /EC2's metadata service itself answers/);
    assert.match(open?.why ?? "", /node's own role/);
  });

  for (const [before, after] of [
    [failed.before, kube2iam],
    [kube2iam, failed.before],
    [nobody, failed.before],
    [failed.before, nobody],
  ] as const) {
    it(`is wrong where it was ${before.who} before and ${after.who} after`, () => {
      for (const expected of ["kiam", "kube2iam"] as const) {
        const told = explainIdentity({ ...right, before, after }, { ...question, expected });
        assert.match(told?.what ?? "", / before the requests for credentials, .* after them/);
      }
    });
  }

  for (const [before, after] of [
    [unclear, null],
    [failed.before, unclear],
    [unclear, failed.before],
  ] as const) {
    it(`is not clear where it was ${before.who} before and ${after?.who} after`, () => {
      const told = explainIdentity({ ...right, before, after }, question);
      assert.match(told?.what ?? "", /is not clear: \/ping: pong; \/healthz: timed out/);
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
