import assert from "node:assert/strict";

import {
  exactly,
  isPermitted,
  permittedProblem,
  resolveRoleArn,
  whyInvalid,
} from "../../../migration/kiam/permitted.js";
import { permittedInForce, permittedMode } from "../../../migration/kiam/permittedInForce.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { exampleFacts, exampleNamespace, exampleSettings } from "../../support/exampleCluster.js";

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

  it("matches anywhere without strict matching, and for kiam 2 and 3 the role as it is written", () => {
    assert.ok(isPermitted("app-payments", arn, "unanchored"));
    assert.ok(isPermitted("^arn:aws:iam::123456789012:role/teams/payments/app-payments$", arn));
    assert.ok(isPermitted("^teams/.*", "teams/payments/app-payments", "as-written"));
    assert.ok(!isPermitted(arn, "teams/payments/app-payments", "as-written"));
    assert.ok(!isPermitted("*.*", arn, "unanchored"));
    assert.ok(isPermitted("*.*", arn, "strict"));
    assert.equal(whyInvalid("*.*", "strict"), undefined);
    assert.match(whyInvalid("*.*", "as-written") ?? "", /missing argument/);
  });

  const modes: [image: string, flags: string[], mode: string][] = [
    ["quay.io/uswitch/kiam:v4.2", [], "strict"],
    ["quay.io/uswitch/kiam:v3.6", [], "as-written"],
    ["quay.io/uswitch/kiam:v3.0-rc1", ["--disable-strict-namespace-regexp"], "as-written"],
    ["registry:5000/kiam:2.8", [], "as-written"],
    ["registry:3000/kiam:v4.0-beta1", [], "strict"],
    ["kiam:master", [], "strict"],
    ["kiam@sha256:2a", [], "strict"],
    ["kiam:v4.2", ["--disable-strict-namespace-regexp"], "unanchored"],
    ["kiam:v4.2", ["--disable-strict-namespace-regexp=true"], "unanchored"],
    ["kiam:v4.2", ["--disable-strict-namespace-regexp=false"], "strict"],
    [
      "kiam:v4.2",
      ["--disable-strict-namespace-regexp", "--no-disable-strict-namespace-regexp"],
      "strict",
    ],
  ];
  for (const [image, server, mode] of modes) {
    it(`${[image, ...server].join(" ")} matches ${mode}`, () => {
      const { kiam } = parseSettings(exampleSettings());
      assert.equal(
        permittedMode({ kiam: { ...kiam, image, extraArgs: { server, agent: [] } } }),
        mode,
      );
    });
  }

  it("is in force from the settings first, then from the annotation", () => {
    const settings = parseSettings(exampleSettings({ namespaces: { orders: { permitted: "a" } } }));
    const namespaces = ["orders", "payments"].map((name) =>
      exampleNamespace(name, { permitted: "b" }),
    );
    const inForce = permittedInForce(settings, exampleFacts({ namespaces }));
    assert.deepEqual(["orders", "payments", "x"].map(inForce), ["a", "b", undefined]);
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
