import assert from "node:assert/strict";
import {
  gonePrincipals,
  trustSid,
  withTrust,
  type TrustDocument,
} from "../../../migration/iam/trust.js";

const worker = "arn:aws:iam::123456789012:role/nodes.lab.k8s.local";
const kiam = "arn:aws:iam::123456789012:role/kiam-server";
const gone = "AROAJQABLZS4A3QDU576Q";

const workerTrust = {
  Effect: "Allow",
  Principal: { AWS: worker },
  Action: "sts:AssumeRole",
} as const;
const own = {
  Sid: trustSid,
  Effect: "Allow",
  Principal: { AWS: kiam },
  Action: "sts:AssumeRole",
} as const;
const document = (Statement: TrustDocument["Statement"]): TrustDocument => ({
  Version: "2012-10-17",
  Statement,
});

describe("withTrust", () => {
  it("adds one statement and leaves the others and the input alone", () => {
    const before = document([workerTrust]);
    const text = JSON.stringify(before);
    assert.deepEqual(withTrust(before, kiam), document([workerTrust, own]));
    assert.equal(JSON.stringify(before), text);
  });

  it("takes a document with a single statement that is no list", () => {
    assert.deepEqual(withTrust(document(workerTrust), kiam), document([workerTrust, own]));
  });

  it("returns the same object on a rerun", () => {
    const once = withTrust(document([workerTrust]), kiam);
    assert.equal(withTrust(once, kiam), once);
  });

  it("leaves a document alone that trusts the principal in another statement", () => {
    const before = document([
      { Effect: "Allow", Principal: { AWS: [worker, kiam] }, Action: ["sts:AssumeRole"] },
    ]);
    assert.equal(withTrust(before, kiam), before);
  });

  it("does not count a condition, a deny or another action as trust", () => {
    for (const one of [
      { ...own, Sid: "Other", Condition: { Bool: { "aws:SecureTransport": "true" } } },
      { ...own, Sid: "Other", Effect: "Deny" as const },
      { ...own, Sid: "Other", Action: "sts:TagSession" },
    ]) {
      assert.deepEqual(withTrust(document([one]), kiam), document([one, own]));
    }
  });

  it("replaces the id of a server role that was created anew, in its own statement only", () => {
    const stale = { ...own, Principal: { AWS: gone } };
    const others = { ...workerTrust, Principal: { AWS: [worker, gone] } };
    assert.deepEqual(withTrust(document([others, stale]), kiam), document([others, own]));
    assert.deepEqual(gonePrincipals(others), [gone]);
  });

  it("keeps a second server role in its own statement", () => {
    const second = `${kiam}-blue`;
    const after = withTrust(document([own]), second);
    assert.deepEqual(after, document([{ ...own, Principal: { AWS: [kiam, second] } }]));
  });
});
