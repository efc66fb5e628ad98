import assert from "node:assert/strict";

import fc from "fast-check";

import type { ClusterFacts, NamespaceFacts } from "../../../migration/facts/clusterFacts.js";
import { proposePermitted, verifyProposal } from "../../../migration/kiam/proposePermitted.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import {
  exampleFacts,
  exampleIam,
  exampleNamespace,
  examplePod,
  roleBaseArn,
  exampleSituation,
} from "../../support/exampleCluster.js";

/* Pure. That the matchers agree on any entry at all: allowedRoles.test.ts. */

const arn = (name: string) => `${roleBaseArn}${name}`;

function propose(settings: Partial<SettingsInput>, facts: Partial<ClusterFacts>) {
  return proposePermitted(exampleSituation({ namespaces: {}, ...settings }, facts));
}

function restricted(change: Partial<NamespaceFacts>, ...flags: string[]): Partial<ClusterFacts> {
  const { kube2iam } = exampleFacts();
  const commandLine = [
    ...(kube2iam?.commandLine ?? []),
    "--namespace-restrictions",
    "--default-role=everybody",
    ...flags,
  ];
  return {
    kube2iam: kube2iam && { ...kube2iam, commandLine },
    namespaces: [exampleNamespace("orders", change), exampleNamespace("payments")],
    pods: [examplePod("orders", "o", { role: "app-orders" })],
  };
}

const loose: Partial<SettingsInput> = {
  kiam: { region: "eu-west-1", extraArgs: { server: ["--disable-strict-namespace-regexp"] } },
};

describe("the tightest permitted", () => {
  it("is exactly what pods use, where kube2iam restricts nothing", () => {
    const pods = [
      examplePod("orders", "a", { role: "app-orders" }),
      examplePod("orders", "b", { role: "/app.orders" }),
      examplePod("orders", "c", { role: arn("app-orders") }),
      examplePod("orders", "d", { role: "whatever", hostNetwork: true }),
      examplePod("batch", "e"),
    ];
    const allowed = [exampleNamespace("orders", { allowedRoles: '["*"]' })];
    const [orders, ...others] = propose({}, { pods, namespaces: allowed });
    assert.deepEqual(others, []);
    assert.equal(orders?.permitted, "arn:aws:iam::123456789012:role/(?:app-orders|app\\.orders)");
    assert.deepEqual(orders.roles, [arn("app-orders"), arn("app.orders")]);
    assert.deepEqual(
      [orders.reason, orders.current, orders.unchanged],
      ["exactly what its pods use", undefined, false],
    );
    assert.equal(propose(loose, { pods })[0]?.permitted, `^${orders.permitted}$`);
  });

  it("is sorted by namespace, and the same whatever the order of the pods", () => {
    const { pods } = exampleFacts();
    const proposals = propose({}, { pods });
    assert.deepEqual(
      proposals.map(({ namespace, permitted }) => [namespace, permitted]),
      [
        ["orders", arn("app-orders")],
        ["payments", arn("teams/payments/app-payments")],
      ],
    );
    assert.deepEqual(propose({}, { pods: [...pods].reverse() }), proposals);
  });

  it("has the role as pods write it, for kiam 3", () => {
    const [orders] = propose(
      { kiam: { region: "eu-west-1", image: "quay.io/uswitch/kiam:v3.6" } },
      {},
    );
    assert.equal(orders?.permitted, "^app-orders$");
  });

  it("has the probe's role in the probe's namespace", () => {
    const probe = { role: "kiam-probe", namespace: "orders" };
    const [orders] = propose({ probe }, {});
    assert.equal(orders?.permitted, `${roleBaseArn}(?:app-orders|kiam-probe)`);
    const [elsewhere] = propose({ probe: { ...probe, namespace: "checks" } }, {});
    assert.deepEqual(
      [elsewhere?.namespace, elsewhere?.permitted, elsewhere?.reason],
      ["checks", arn("kiam-probe"), "what the probe uses"],
    );
  });

  it("is what kube2iam's restrictions allow, no matter what pods use", () => {
    const [orders, ...others] = propose({}, restricted({ allowedRoles: '["app-*","jobs/a"]' }));
    assert.deepEqual(others, []);
    assert.equal(orders?.permitted, `${roleBaseArn}(?:app-.*|jobs/a)`);
    assert.equal(orders.reason, "what kube2iam's allowed-roles allow");
    assert.deepEqual(verifyProposal(orders, [arn("app-x"), arn("x"), arn("jobs/a")]), []);
    const [regexp] = propose(
      {},
      restricted({ allowedRoles: '["app-.*"]' }, "--namespace-restriction-format=regexp"),
    );
    assert.equal(regexp?.permitted, `.*${roleBaseArn}app-.*`);
  });

  it("names what it leaves out, and keeps the default role where pods name it", () => {
    const facts = restricted({ allowedRoles: '["jobs/a"]' });
    const [orders] = propose({}, facts);
    assert.match(orders?.reason ?? "", /leaves out .*app-orders, which pods ask for/);
    const pods = [examplePod("orders", "o", { role: "everybody" })];
    const [withDefault] = propose({}, { ...facts, pods });
    assert.equal(withDefault?.permitted, `${roleBaseArn}(?:everybody|jobs/a)`);
    assert.equal(withDefault.reason, "what kube2iam's allowed-roles allow");
  });

  it("leaves a value that permits the same as it is", () => {
    const permitted = `arn:.*:role/app-(orders)`;
    const annotated = [exampleNamespace("orders", { permitted })];
    const iam = exampleIam({ account: ["app-orders", "app-x"].map(arn) });
    const [orders] = propose({}, { namespaces: annotated, iam });
    assert.deepEqual([orders?.permitted, orders?.unchanged], [permitted, true]);
    const wide = [exampleNamespace("orders", { permitted: `${roleBaseArn}app-.*` })];
    assert.equal(propose({}, { namespaces: wide, iam })[0]?.unchanged, false);
    // The account's roles are not known: .* must not pass for tight.
    const widest = { namespaces: [exampleNamespace("orders", { permitted: ".*" })] };
    assert.equal(propose({}, widest)[0]?.unchanged, false);
    const set = { namespaces: { orders: { permitted: arn("app-orders") } } };
    assert.equal(propose(set, widest)[0]?.unchanged, true);
  });

  it("is not about kiam's own namespace", () => {
    const pods = [examplePod("kiam", "probe", { role: "kiam-probe" })];
    const namespaces = [exampleNamespace("kiam", { owned: true })];
    assert.deepEqual(propose({}, { pods, namespaces }), []);
  });

  it("is disproven where it permits more or less than it has to", () => {
    const [orders] = propose({}, {});
    assert.ok(orders !== undefined);
    assert.deepEqual(verifyProposal({ ...orders, permitted: ".*" }, [arn("x")]), [
      { role: arn("x"), wanted: false, permitted: true },
    ]);
    assert.deepEqual(verifyProposal({ ...orders, permitted: arn("x") }, []), [
      { role: arn("app-orders"), wanted: true, permitted: false },
    ]);
  });

  it("is proven on every role of any account, for whatever names pods use", () => {
    const name = fc.string({
      unit: fc.constantFrom(..."aAb.+-_@=,/|$^()[]{}\\*?"),
      minLength: 1,
      maxLength: 8,
    });
    const names = fc.array(name, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(names, names, fc.constantFrom({}, loose), (used, others, settings) => {
        const pods = used.map((role, index) => examplePod("orders", `p-${index}`, { role }));
        for (const proposal of propose(settings, { pods })) {
          assert.deepEqual(verifyProposal(proposal, [...used, ...others].map(arn)), []);
        }
      }),
      { numRuns: 200 },
    );
  });
});
