import assert from "node:assert/strict";

import type { BackendRules } from "../../../migration/rules/nodeReport.js";
import { previewAsMarkdown, previewAsText } from "../../../migration/preview/describePreview.js";
import { credentialRuleSpec } from "../../../migration/rules/natRule.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { plannedRules } from "../../../migration/plan/plannedRules.js";
import { previewPlan, type KnownRules } from "../../../migration/preview/planPreview.js";
import { ruleChanges } from "../../../migration/rules/diff.js";
import type { Stage } from "../../../migration/stages.js";
import { exampleFacts, exampleSituation } from "../../support/exampleCluster.js";

/*
 * Pure: what the rules of a worker will be. That they really become so is for the cluster tier
 * (test/embedded) to show.
 */

const address = "10.0.0.11";
const kube2iam = credentialRuleSpec({ interface: "cni0", address, port: 8181 });
const kiam = credentialRuleSpec({ interface: "cni0", address, port: 8881 });
const services = '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES';

const nft = (...rules: string[]): BackendRules[] => [{ backend: "nft", rules }];

function plan(stage: Stage) {
  return makePlan(exampleSituation({ stage }));
}

function after(stage: Stage, present: BackendRules[]): BackendRules[] {
  const thePlan = plan(stage);
  const worker = thePlan.waves
    .flatMap(({ workers }) => workers)
    .find(({ hostIp }) => hostIp === address);
  assert.ok(worker !== undefined);
  return plannedRules(present, worker, thePlan, 8881);
}

describe("planned rules", () => {
  it("are kube2iam's alone before the agents", () => {
    assert.deepEqual(after("server", nft(services, kube2iam)), nft(services, kube2iam));
    assert.deepEqual(after("server", nft(services, kube2iam, kiam)), nft(services, kube2iam));
  });

  it("have kiam's asleep behind kube2iam's with the agents", () => {
    assert.deepEqual(after("agent", nft(services, kube2iam)), nft(services, kube2iam, kiam));
  });

  it("are kiam's alone after the cutover, whatever there was", () => {
    for (const present of [
      [kube2iam, services],
      [kube2iam, services, kiam],
      [kiam, services, kube2iam],
    ]) {
      const [planned] = after("cutover", nft(...present));
      assert.deepEqual(
        planned?.rules.filter((rule) => rule !== services),
        [kiam],
      );
    }
    assert.deepEqual(after("retire", nft(services, kiam)), nft(services, kiam));
  });

  it("have kube2iam's in the first place again on the way back", () => {
    assert.deepEqual(after("agent", nft(services, kiam)), nft(kube2iam, services, kiam));
    assert.deepEqual(after("agent", nft(services, kiam, kube2iam)), nft(kube2iam, services, kiam));
    assert.deepEqual(after("prepare", nft(services, kiam)), nft(kube2iam, services));
  });

  it("stay in the tables where kube2iam's are", () => {
    const present: BackendRules[] = [
      { backend: "nft", rules: [services] },
      { backend: "legacy", rules: [kube2iam] },
    ];
    assert.deepEqual(after("cutover", present), [
      { backend: "nft", rules: [services] },
      { backend: "legacy", rules: [kiam] },
    ]);
  });

  it("leave look-alikes alone", () => {
    const foreign = credentialRuleSpec({ interface: "cni0", address: "10.0.0.99", port: 8181 });
    assert.deepEqual(after("cutover", nft(foreign, kube2iam)), nft(foreign, kiam));
  });
});

describe("the preview of a plan", () => {
  const known: KnownRules = Object.fromEntries(
    ["10.0.0.11", "10.0.0.12"].map((own, index) => [
      `worker-${index + 1}`,
      {
        from: "ssh" as const,
        present: nft(credentialRuleSpec({ interface: "cni0", address: own, port: 8181 })),
      },
    ]),
  );
  const preview = () =>
    previewPlan("staging", plan("cutover"), exampleFacts(), {
      blocking: [],
      kiamPort: 8881,
      known,
      unread: () => "SSH was refused",
    });

  it("names each worker's wave, steps, roles and pods, in the order in which they move", () => {
    assert.deepEqual(
      preview().workers.map(({ name, wave, roles }) => [
        name,
        wave,
        roles.map((role) => `${role.arn.split("/").at(-1)}: ${role.pods.join()}`),
      ]),
      [
        ["worker-2", "canary-1", ["app-payments: payments/payments-1"]],
        ["worker-1", "wave-1", ["app-orders: orders/orders-1"]],
        ["worker-3", "wave-2", []],
      ],
    );
  });

  it("shows workers of the same change together, and says of which the rules are not known", () => {
    assert.deepEqual(ruleChanges(preview().workers), [
      {
        workers: ["worker-2", "worker-1"],
        lines: [
          "- -A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination HOST_IP:8181",
          "+ -A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination HOST_IP:8881",
        ],
        changes: true,
        source: "read over SSH just now",
      },
      { workers: ["worker-3"], lines: [], changes: false, source: "not known: SSH was refused" },
    ]);
  });

  it("is the same for the same input, in every form", () => {
    assert.deepEqual(preview(), preview());
    assert.equal(JSON.stringify(preview()), JSON.stringify(preview()));
    assert.equal(previewAsText(preview()), previewAsText(preview()));
  });

  it("reads as text and as Markdown", () => {
    const text = previewAsText(preview());
    assert.match(text, /canary-1 +worker-2/);
    assert.match(text, /worker-2, worker-1 \(read over SSH just now\):/);
    const markdown = previewAsMarkdown(preview());
    assert.match(markdown, /stack `staging` at stage `cutover`/);
    assert.match(markdown, /\| canary-1 \| `worker-2` \| shadow-probe → capture → .* \| 1 \| 1 \|/);
    assert.match(markdown, /```diff\n- -A PREROUTING/);
  });

  it("says in the pull request what is in the way", () => {
    const blocked = preview();
    blocked.blocking = [
      {
        code: "role-not-permitted",
        severity: "blocks",
        object: "namespace/web",
        seen: "it permits nothing",
        why: "…",
        fix: "permit it",
      },
    ];
    assert.match(
      previewAsMarkdown(blocked),
      /1 finding in the way[^]*- `namespace\/web`: it permits nothing \(`role-not-permitted`\)\. To do: permit it/,
    );
    assert.doesNotMatch(previewAsMarkdown(preview()), /in the way/);
  });

  it("says together which workers wait for the same reason", () => {
    const waiting = preview();
    waiting.plan.waiting = ["a", "b", "c"].map((name) => ({
      name,
      why: name === "c" ? "it is not Ready" : "its SSH host key is not known",
      accepted: name === "c",
      worker: undefined,
    }));
    const markdown = previewAsMarkdown(waiting);
    assert.match(markdown, /\n- `a`, `b` wait: its SSH host key is not known; all others move\n/);
    assert.match(markdown, /\n- `c` waits: it is not Ready\n/);
  });

  it("stays short for a thousand workers", () => {
    const thousand = preview();
    const [first] = thousand.workers;
    assert.ok(first?.hostIp !== undefined && !("unread" in first.rules));
    const { rules, hostIp: address } = first;
    thousand.workers = Array.from({ length: 1000 }, (_, index) => {
      const hostIp = `10.1.${Math.floor(index / 250)}.${index % 250}`;
      const own = (each: BackendRules[]) =>
        each.map(({ backend, rules: lines }) => ({
          backend,
          rules: lines.map((line) => line.replaceAll(address, hostIp)),
        }));
      return {
        ...first,
        name: `worker-${index}`,
        wave: `wave-${Math.floor(index / 250)}`,
        hostIp,
        rules: { ...rules, present: own(rules.present), planned: own(rules.planned) },
      };
    });
    // GitHub takes 65,536 characters for a comment.
    assert.ok(previewAsMarkdown(thousand).length < 20_000);
  });

  it("is cut to what GitHub takes where a thousand workers differ in everything", () => {
    const thousand = preview();
    const [first] = thousand.workers;
    assert.ok(first !== undefined);
    thousand.workers = Array.from({ length: 1000 }, (_, index) => ({
      ...first,
      name: `ip-10-0-${index >> 8}-${index & 255}.eu-west-1.compute.internal`,
      wave: `wave-${index}`,
      rules: { unread: `connection ${index} refused` },
    }));
    thousand.plan.waiting = thousand.workers.map(({ name }) => ({
      name,
      why: `it is not Ready since ${name}`,
      accepted: false,
      worker: undefined,
    }));
    const markdown = previewAsMarkdown(thousand);
    assert.ok(markdown.length <= 65_536, `${markdown.length} characters`);
    assert.ok(markdown.length > 50_000, "no room is wasted");
    for (const left of [
      /^\| … and \d+ more.* \|$/m,
      /^- … and \d+ more/m,
      /other ways: … and \d+/,
    ]) {
      assert.match(markdown, left);
    }
    assert.equal(
      markdown.match(/<details>/g)?.length,
      markdown.match(/<\/details>/g)?.length,
      "nothing is cut in the middle",
    );
  });
});
