import assert from "node:assert/strict";

import fc from "fast-check";

import {
  allowedExpressions,
  isAllowed,
  kube2iamRestrictions,
  parseAllowedRoles,
} from "../../../migration/iam/allowedRoles.js";
import { situationOf } from "../../../migration/situation/situation.js";
import { composePermitted } from "../../../migration/kiam/composePermitted.js";
import { matchesGlob } from "../../../migration/kube2iam/goGlob.js";
import { isPermitted, permittedProblem } from "../../../migration/kiam/permitted.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { exampleFacts, exampleSettings, roleBaseArn } from "../../support/exampleCluster.js";

/*
 * Pure. kube2iam's matcher is written after mappings/mapper.go and go-glob v1.0.0, kiam's after
 * pkg/server/policy.go; RE2 is re2js.
 */

const modes = ["strict", "unanchored"] as const;

describe("kube2iam's globs", () => {
  const cases: [pattern: string, text: string, matches: boolean][] = [
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "anything", true],
    ["a", "a", true],
    ["a", "A", false],
    ["a*", "ab", true],
    ["a*", "ba", false],
    ["*a", "ba", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a**b", "ab", true],
    ["*a*b*", "xxaxxbxx", true],
    ["a*b*c", "acbc", true],
    ["a*b*c", "acb", false],
    ["a.c", "abc", false],
    ["a?c", "abc", false],
  ];
  for (const [pattern, text, matches] of cases) {
    it(`${JSON.stringify(pattern)} ${matches ? "matches" : "does not match"} ${JSON.stringify(text)}`, () =>
      assert.equal(matchesGlob(pattern, text), matches));
  }
});

describe("kube2iam's allowed-roles", () => {
  const glob = { format: "glob", baseArn: roleBaseArn } as const;
  const regexp = { format: "regexp", baseArn: roleBaseArn } as const;

  it("are a JSON array, and nothing where they are anything else", () => {
    assert.deepEqual(parseAllowedRoles('["a","b*"]'), ["a", "b*"]);
    assert.deepEqual(parseAllowedRoles('["a",1]'), ["a", ""]);
    for (const each of [undefined, "", "a", '"a"', "{}", "null", "['a']"]) {
      assert.deepEqual(parseAllowedRoles(each), []);
    }
  });

  it("get the base ARN in front, but for those that have one", () => {
    assert.ok(isAllowed(["app-*"], `${roleBaseArn}app-orders`, glob));
    assert.ok(!isAllowed(["app-*"], `${roleBaseArn}x/app-orders`, glob));
    assert.ok(isAllowed(["arn:aws:iam::*:role/x"], "arn:aws:iam::1:role/x", glob));
  });

  it("match anywhere as regular expressions, and not at all where they are not valid", () => {
    assert.ok(isAllowed(["app"], `${roleBaseArn}app-orders`, regexp));
    assert.ok(!isAllowed(["^app"], `${roleBaseArn}app-orders`, regexp));
    assert.ok(!isAllowed(["("], `${roleBaseArn}app-orders`, regexp));
    assert.deepEqual(allowedExpressions(["("], regexp), []);
  });

  it("are read from the DaemonSet's flags", () => {
    const settings = parseSettings(exampleSettings());
    const restrictions = (...flags: string[]) => {
      const facts = exampleFacts();
      const kube2iam = facts.kube2iam && {
        ...facts.kube2iam,
        commandLine: [...facts.kube2iam.commandLine, ...flags],
      };
      return kube2iamRestrictions(situationOf(settings, { ...facts, kube2iam }));
    };
    assert.equal(restrictions(), undefined);
    assert.equal(restrictions("--namespace-restrictions=false"), undefined);
    assert.equal(restrictions("--namespace-restrictions", "--namespace-key=other"), undefined);
    assert.deepEqual(restrictions("--namespace-restrictions"), {
      ...glob,
      defaultRoleArn: undefined,
    });
    assert.deepEqual(
      restrictions(
        "--namespace-restrictions=true",
        "--namespace-restriction-format=RegExp",
        "--default-role=everybody",
      ),
      { ...regexp, defaultRoleArn: `${roleBaseArn}everybody` },
    );
  });

  const readable: [entries: string[], format: "glob" | "regexp", permitted: string][] = [
    [["app-*"], "glob", "arn:aws:iam::123456789012:role/app-.*"],
    [["b", "a.b"], "glob", "arn:aws:iam::123456789012:role/(?:a\\.b|b)"],
    [["*"], "glob", "arn:aws:iam::123456789012:role/.*"],
    [["teams/x", "teams/y*"], "glob", "arn:aws:iam::123456789012:role/teams/(?:x|y.*)"],
    [
      ["^arn:aws:iam::123456789012:role/a$"],
      "regexp",
      ".*arn:aws:iam::123456789012:role/^arn:aws:iam::123456789012:role/a",
    ],
    [
      ["arn:aws:iam::123456789012:role/app-.*"],
      "regexp",
      ".*arn:aws:iam::123456789012:role/app-.*",
    ],
    [["arn:.*:role/(a|b)$"], "regexp", ".*(?:arn:.*:role/(a|b)$).*"],
  ];
  for (const [entries, format, permitted] of readable) {
    it(`${format} ${JSON.stringify(entries)} becomes ${permitted}`, () => {
      const options = { format, baseArn: roleBaseArn };
      assert.equal(composePermitted(allowedExpressions(entries, options), "strict"), permitted);
    });
  }

  const word = fc.string({
    unit: fc.constantFrom(..."aAb.+-_@=,/|$^()[]{}\\*"),
    maxLength: 8,
  });
  const arns = fc.array(
    fc.oneof(
      word.map((name) => `${roleBaseArn}${name}`),
      word.map((name) => `arn:aws-cn:iam::210987654321:role/${name}`),
    ),
    { minLength: 1, maxLength: 8 },
  );

  /** Roles that a glob is likely to match: its own text with something for each `*`. */
  const likely = (globs: readonly string[], fillers: readonly string[]) =>
    globs.flatMap((each) =>
      fillers
        .map((filler) => each.replaceAll("*", filler))
        .flatMap((name) => [/^arn:/i.test(name) ? name : `${roleBaseArn}${name}`]),
    );

  it("as globs: both matchers agree on every role, whatever kiam puts around", () => {
    const entry = fc.oneof(
      word,
      word.map((name) => `${roleBaseArn}${name}`),
      word.map((name) => `arn:*:role/${name}`),
    );
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 4 }),
        arns,
        fc.array(word, { minLength: 1, maxLength: 3 }),
        (entries, some, fillers) => {
          const expressions = allowedExpressions(entries, glob);
          for (const mode of modes) {
            const permitted = composePermitted(expressions, mode);
            assert.equal(permittedProblem(permitted), undefined, permitted);
            for (const arn of [...some, ...likely(entries, fillers)]) {
              assert.equal(
                isPermitted(permitted, arn, mode),
                isAllowed(entries, arn, glob),
                `${mode} ${permitted} on ${arn}`,
              );
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("as regular expressions: both matchers agree on every role", () => {
    const piece = fc.constantFrom(
      ...[
        "a",
        "b",
        "-",
        "\\.",
        ".",
        ".*",
        "a+",
        "(a|b)",
        "[ab]",
        "^",
        "$",
        "|",
        "(?i)A",
        "b?",
        "\\$",
      ],
      ...["/", "role/", "arn:aws:iam::123456789012:role/", "*", "("],
    );
    const entry = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 3 }), arns, (entries, some) => {
        const expressions = allowedExpressions(entries, regexp);
        if (expressions.length === 0) {
          return assert.ok(some.every((arn) => !isAllowed(entries, arn, regexp)));
        }
        for (const mode of modes) {
          const permitted = composePermitted(expressions, mode);
          for (const arn of some) {
            assert.equal(
              isPermitted(permitted, arn, mode),
              isAllowed(entries, arn, regexp),
              `${mode} ${permitted} on ${arn}`,
            );
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
