import assert from "node:assert/strict";

import fc from "fast-check";

import { changesIn } from "../../../automation/pulumiPreview.js";
import { generatedCluster } from "../../../bench/generatedCluster.js";
import { audit } from "../../../migration/audit/audit.js";
import { isBlocking, type Finding } from "../../../migration/audit/finding.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { longestComment, previewAsMarkdown } from "../../../migration/preview/describePreview.js";
import { previewPlan, type PlanPreview } from "../../../migration/preview/planPreview.js";
import {
  commentMarker,
  failureAsMarkdown,
  reviewAsMarkdown,
  type StackReview,
} from "../../../migration/preview/pullRequestComment.js";
import { situationOf } from "../../../migration/situation/situation.js";
import { exampleFacts, exampleSituation } from "../../support/exampleCluster.js";
import { hostileText, unshowableIn } from "../../support/hostile.js";

/*
 * Pure: how the comment on a pull request reads, and that it is never too long. What GitHub and GitLab
 * make of its Markdown is not proven here.
 */

const origin = {
  commit: "0123456789abcdef0123456789abcdef01234567",
  run: "https://github.com/acme/cluster/actions/runs/99",
};

const finding = (change: Partial<Finding> = {}): Finding => ({
  code: "role-not-permitted",
  severity: "blocks",
  object: "namespace/web",
  seen: "it permits nothing",
  why: "its pods get no role",
  fix: "permit it",
  ...change,
});

const pulumiOutput = [
  "Previewing update (staging):",
  "+ pulumi:pulumi:Stack: (create)",
  "    + kubernetes:core/v1:Namespace: (create)",
  "        [urn=urn:pulumi:staging::kube2iam-to-kiam::kubernetes:core/v1:Namespace::kiam]",
  "    ~ command:local:Command: (update)",
  "Resources:",
  "    + 2 to create",
  "    ~ 1 to update",
  "    3 changes. 4 unchanged",
  "",
].join("\n");

function plan(): PlanPreview {
  return previewPlan("staging", makePlan(exampleSituation({ stage: "cutover" })), exampleFacts(), {
    blocking: [],
    kiamPort: 8881,
    known: {},
    unread: () => "SSH was refused",
  });
}

function review(change: Partial<StackReview> = {}): StackReview {
  return {
    stack: "staging",
    stage: "cutover",
    findings: [],
    notLookedAt: [],
    plan: plan(),
    pulumi: { succeeded: true, changes: changesIn(pulumiOutput), output: pulumiOutput },
    ...change,
  };
}

const markdown = (change: Partial<StackReview> = {}) =>
  reviewAsMarkdown(review(change), origin, longestComment);

describe("the comment on a pull request", () => {
  it("begins with its mark, and says first that nothing is in the way, and how much changes", () => {
    const lines = markdown().split("\n");
    assert.equal(lines[0], commentMarker("staging"));
    assert.equal(lines[1], "### kube2iam to kiam: stack `staging` at stage `cutover`");
    assert.equal(
      lines[3],
      "**Nothing stands in the way.** Pulumi: <code>+ 2 to create, &#126; 1 to update, 3 changes. 4 unchanged</code>.",
    );
  });

  it("has the plan, Pulumi's diff in colours, and where it was made", () => {
    const text = markdown();
    assert.match(text, /\| canary-1 \| `worker-2` \|/);
    assert.match(text, /```diff\n Previewing update \(staging\):\n\+\+ pulumi:pulumi:Stack/);
    assert.match(text, /\n\+ {4}\+ kubernetes:core\/v1:Namespace: \(create\)\n/);
    assert.match(text, /\n! {4}~ command:local:Command: \(update\)\n/);
    assert.match(
      text,
      /Preview of `0123456789ab`: \[the run and its log\]\(https:\/\/github\.com\/acme\/cluster\/actions\/runs\/99\)\.$/,
    );
  });

  it("says first what is in the way, with what to do, also where that leaves nothing to plan with", () => {
    for (const of of [undefined, { ...plan(), blocking: [finding()] }]) {
      const text = markdown({
        findings: [finding()],
        plan: of,
        pulumi: { succeeded: false, changes: "", output: "error: the audit has 1 finding" },
      });
      assert.equal(text.split("\n")[3], "**Do not merge: 1 finding in the way.**");
      assert.match(
        text,
        /- `namespace\/web`: it permits nothing \(`role-not-permitted`\)\. To do: permit it/,
      );
      assert.equal(text.match(/it permits nothing/g)?.length, 1, "said once");
      assert.equal(text.match(/in the way/g)?.length, 1, "said once");
      assert.match(text.split("\n")[5] ?? "", /^- `namespace\/web`: /, "right behind the verdict");
    }
  });

  it("says that Pulumi's preview fails, and shows how", () => {
    const text = markdown({
      pulumi: { succeeded: false, changes: "", output: "error: no such stack" },
    });
    assert.equal(text.split("\n")[3], "**Do not merge: `pulumi preview` fails.**");
    assert.match(text, /<summary><code>pulumi preview --diff<\/code>, which fails<\/summary>/);
    assert.match(text, /error: no such stack/);
  });

  it("folds away the findings that block nothing, and says what was not looked at", () => {
    const text = markdown({
      findings: [
        finding({ severity: "warns", object: "node/a" }),
        finding({ severity: "warns", object: "node/b", seen: "something else" }),
        finding({ severity: "informs", object: "kiam" }),
        finding({ acknowledged: "nothing there matters" }),
      ],
      notLookedAt: ["IAM"],
    });
    assert.match(text, /<summary>Audit: 2 warnings, 1 note, 1 acknowledged<\/summary>/);
    assert.match(text, /\(`role-not-permitted`\)\. Acknowledged: nothing there matters\n/);
    assert.match(text, /<code>npx kiam-migrate audit --stack staging --stage cutover<\/code>/);
    assert.match(text, /The audit did not look at: IAM\./);
    assert.match(text, /Nothing stands in the way/);
  });

  it("reads out a few findings of each code, and counts the others", () => {
    const text = markdown({
      findings: Array.from({ length: 250 }, (_, index) =>
        finding({ object: `namespace/team-${index}`, seen: `${index} pods there get no role` }),
      ),
    });
    assert.equal(text.match(/^- `namespace\/team-\d+`: /gm)?.length, 3);
    assert.match(text, /\n- … and 247 more of `role-not-permitted`\n/);
  });

  it("takes the place of an earlier one where nothing came about", () => {
    const text = failureAsMarkdown("staging", "kubeconfig: no such file\n```\n", origin, 1000);
    assert.equal(text.split("\n")[0], commentMarker("staging"));
    assert.match(text, /\*\*Do not merge: it is not known what this pull request does/);
    assert.match(text, /````text\nkubeconfig: no such file\n```\n````/);
  });

  it("has a mark of its own for each stack", () => {
    assert.notEqual(commentMarker("staging"), commentMarker("staging-2"));
    assert.match(commentMarker("acme/kube2iam-to-kiam/staging --> x"), /^<!-- [^>]* -->$/);
  });
});

describe("a comment of a thousand workers", () => {
  let long: StackReview;

  before("a thousand workers that differ as much as they can: each its own wave and rules", () => {
    const { settings, facts } = generatedCluster(1000, 3);
    const situation = situationOf(
      { ...settings, stage: "cutover", workers: { ...settings.workers, waveSize: 1 } },
      facts,
    );
    const findings = audit(situation);
    const thePlan = makePlan(situation);
    const known = Object.fromEntries(
      facts.nodes.map(({ name }, index) => [
        name,
        {
          from: "ssh" as const,
          present: [{ backend: "nft" as const, rules: [`-A PREROUTING -j KUBE-${index}`] }],
        },
      ]),
    );
    const preview = previewPlan("production", thePlan, facts, {
      blocking: findings.filter(isBlocking),
      kiamPort: 8881,
      known,
      unread: (worker) => `${worker} did not answer`,
    });
    const resource = (index: number) =>
      `    + command:local:Command: (create)\n        [urn=urn:pulumi:production::kube2iam-to-kiam::worker-${index}-cutover-live]\n        create: "node gates/main.ts"`;
    const output = [
      "Previewing update (production):",
      ...Array.from({ length: 8000 }, (_, index) => resource(index)),
      "Resources:",
      "    + 8000 to create",
    ].join("\n");
    long = review({
      stack: "production",
      findings,
      plan: preview,
      pulumi: { succeeded: true, changes: changesIn(output), output },
    });
  });

  it("is as long as GitHub takes, has each part, and the end of Pulumi's output", () => {
    const { plan } = long;
    assert.ok(plan !== undefined && plan.workers.length >= 900);
    const text = reviewAsMarkdown(long, origin, longestComment);
    assert.ok(text.length <= longestComment, `${text.length} characters`);
    assert.ok(text.length > longestComment / 2, "no room is wasted");
    assert.match(text, /\| … and \d+ more, for which there is no room here \|/);
    assert.match(text, /Rules that change in other ways: … and \d+ more/);
    assert.match(text, /… \d+ more lines, for which there is no room here: see the log of the run/);
    assert.match(text, /\n {5}\+ 8000 to create\n|\n\+ {4}\+ 8000 to create\n/);
    assert.match(text, /the run and its log/);
    const alone = previewAsMarkdown(plan);
    assert.ok(alone.length <= longestComment, `${alone.length} characters of kiam-migrate plan`);
  });

  it("opens no markup that it does not close, wherever it is cut", () => {
    for (const longest of [12_000, 33_333]) {
      const text = reviewAsMarkdown(long, origin, longest);
      assert.ok(text.length <= longest);
      const outside = text.replace(/^```diff\n[^]*?^```$/gm, "");
      assert.equal(
        outside.match(/<details>/g)?.length,
        outside.match(/<\/details>/g)?.length,
        `at ${longest}`,
      );
      assert.doesNotMatch(outside, /```/);
    }
  });
});

describe("hostile text in a comment on a pull request", () => {
  it("stays text: no markup, no mention of anyone, no line that is ours", () => {
    fc.assert(
      fc.property(hostileText, hostileText, (first, second) => {
        const text = reviewAsMarkdown(
          review({
            findings: [
              finding({ seen: first, object: second }),
              finding({ severity: "warns", seen: `@${second}`, fix: `see #1 ${first}` }),
            ],
            plan: undefined,
            pulumi: { succeeded: false, changes: "", output: `${first}\n${second}` },
          }),
          origin,
          longestComment,
        );
        assert.deepEqual(unshowableIn(text), []);
        assert.ok(text.length <= longestComment);
        const outside = text.replace(/^(`{3,})diff\n[^]*?^\1$/gm, "");
        assert.doesNotMatch(outside, /<(?!\/?(details|summary|code)>|!-- kiam-migrate)/);
        // Code mentions no one.
        const prose = outside.replace(/<code>[^]*?<\/code>|`[^`\n]*`/g, "");
        assert.doesNotMatch(prose, /@(?!&#8203;)/);
      }),
      { numRuns: 25 },
    );
  });
});

describe("the count at the end of Pulumi's output", () => {
  it("is one line, and empty where there is none", () => {
    assert.equal(changesIn(pulumiOutput), "+ 2 to create, ~ 1 to update, 3 changes. 4 unchanged");
    assert.equal(changesIn("error: no stack named 'x' found"), "");
    assert.equal(changesIn(""), "");
  });
});
