import assert from "node:assert/strict";

import type { V1Affinity, V1NodeSelectorTerm } from "@kubernetes/client-node";
import fc from "fast-check";

import { notMeantFor } from "../../../gates/nodes/placement.js";
import { kiamOnlyKey } from "../../../migration/facts/clusterFacts.js";
import {
  allowKiamOnly,
  avoidKiamOnly,
  avoidsKiamOnly,
} from "../../../migration/kiam/kiamOnlyAffinity.js";

/* Pure. What the scheduler makes of an affinity is taken from gates/nodes/placement.ts, not from it. */

const off = { key: kiamOnlyKey, operator: "DoesNotExist" };
const linux = { key: "kubernetes.io/os", operator: "In", values: ["linux"] };
const zone = { key: "zone", operator: "In", values: ["a", "b"] };

function required(...nodeSelectorTerms: V1NodeSelectorTerm[]): V1Affinity {
  return {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
  };
}

describe("the kiam-only expression in an affinity", () => {
  it("makes a requirement where there is none, beside preferences and pod affinities", () => {
    assert.deepEqual(avoidKiamOnly(undefined), required({ matchExpressions: [off] }));
    const podAntiAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [] };
    const preferred = [{ weight: 1, preference: { matchExpressions: [zone] } }];
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: preferred };
    const before = { podAntiAffinity, nodeAffinity };
    const after = avoidKiamOnly(before);
    assert.deepEqual(after, {
      podAntiAffinity,
      nodeAffinity: {
        ...nodeAffinity,
        ...required({ matchExpressions: [off] }).nodeAffinity,
      },
    });
    assert.deepEqual(allowKiamOnly(after), before);
  });

  it("goes into every term, since terms are alternatives", () => {
    const fields = { matchFields: [{ key: "metadata.name", operator: "In", values: ["n"] }] };
    assert.deepEqual(
      avoidKiamOnly(required({ matchExpressions: [linux] }, { matchExpressions: [zone] }, fields)),
      required(
        { matchExpressions: [linux, off] },
        { matchExpressions: [zone, off] },
        { ...fields, matchExpressions: [off] },
      ),
    );
  });

  it("leaves a term alone that matches no node, which it would make match nearly all", () => {
    const before = required({}, { matchExpressions: [linux] });
    assert.deepEqual(avoidKiamOnly(before), required({}, { matchExpressions: [linux, off] }));
    assert.deepEqual(allowKiamOnly(avoidKiamOnly(before)), before);
  });

  it("is not repeated where it is already, and completed where only some terms have it", () => {
    const half = required({ matchExpressions: [off, linux] }, { matchExpressions: [zone] });
    assert.equal(avoidsKiamOnly(half), false);
    const whole = avoidKiamOnly(half);
    assert.deepEqual(
      whole,
      required({ matchExpressions: [off, linux] }, { matchExpressions: [zone, off] }),
    );
    assert.equal(avoidsKiamOnly(whole), true);
    assert.equal(avoidKiamOnly(whole), whole, "the very same: nothing is to be patched");
  });

  it("is not taken for another expression about the same label", () => {
    const wanted = required({ matchExpressions: [{ key: kiamOnlyKey, operator: "Exists" }] });
    assert.equal(avoidsKiamOnly(wanted), false);
    assert.deepEqual(allowKiamOnly(wanted), wanted);
  });

  it("drops the whole requirement with a term that it alone made, whoever wrote it", () => {
    assert.equal(allowKiamOnly(required({ matchExpressions: [off] })), undefined);
    assert.equal(
      allowKiamOnly(required({ matchExpressions: [off] }, { matchExpressions: [zone, off] })),
      undefined,
    );
  });

  const plainRecord = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record(model, { noNullPrototype: true });
  const expression = fc.oneof(
    plainRecord({
      key: fc.constantFrom("a", "b"),
      operator: fc.constantFrom("Exists", "DoesNotExist"),
    }),
    plainRecord({
      key: fc.constantFrom("a", "b"),
      operator: fc.constantFrom("In", "NotIn"),
      values: fc.subarray(["x", "y"], { minLength: 1 }),
    }),
  );
  const term: fc.Arbitrary<V1NodeSelectorTerm> = fc.oneof(
    { weight: 1, arbitrary: fc.constant({}) },
    {
      weight: 5,
      arbitrary: plainRecord({
        matchExpressions: fc.array(expression, { minLength: 1, maxLength: 3 }),
      }),
    },
  );
  const affinity = fc.option(
    fc.array(term, { minLength: 1, maxLength: 3 }).map((terms) => required(...terms)),
    { nil: undefined },
  );

  it("changes nothing but that, for any affinity, and taking it out gives the original", () => {
    const label = fc.option(fc.constantFrom("x", "y"), { nil: undefined });
    fc.assert(
      fc.property(affinity, label, label, fc.boolean(), (before, a, b, kiamOnly) => {
        const labels = Object.fromEntries(
          Object.entries({ a, b, [kiamOnlyKey]: kiamOnly ? "true" : undefined }).filter(
            ([, value]) => value !== undefined,
          ),
        ) as Record<string, string>;
        const node = { name: "n", labels, taints: [] };
        const meant = (each: V1Affinity | undefined) =>
          notMeantFor({ containers: [], affinity: each }, node) === undefined;
        const after = avoidKiamOnly(before);
        assert.equal(meant(after), meant(before) && !kiamOnly);
        assert.equal(avoidsKiamOnly(after), true);
        assert.equal(avoidKiamOnly(after), after);
        assert.deepEqual(allowKiamOnly(after), before);
      }),
    );
  });
});
