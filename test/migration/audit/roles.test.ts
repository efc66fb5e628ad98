import assert from "node:assert/strict";

import { auditPermittedPatterns } from "../../../migration/audit/roles/permittedPatterns.js";
import { auditRoles } from "../../../migration/audit/roles/roles.js";
import type { Finding } from "../../../migration/audit/finding.js";
import { inFull } from "../../../migration/audit/judgement.js";
import type { ClusterFacts, NamespaceFacts } from "../../../migration/facts/clusterFacts.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import {
  exampleFacts,
  exampleIam,
  exampleNamespace,
  examplePod,
  exampleSituation,
  roleBaseArn,
} from "../../support/exampleCluster.js";
import { codes } from "../../support/findings.js";

/* Pure: what namespaces permit, judged against what their pods use. */

const orders = `${roleBaseArn}app-orders`;
const payments = `${roleBaseArn}teams/payments/app-payments`;

function findings(
  change: Partial<NamespaceFacts>,
  settings: Partial<SettingsInput> = {},
  facts: Partial<ClusterFacts> = {},
): Finding[] {
  const situation = exampleSituation(
    { namespaces: { payments: { permitted: payments } }, ...settings },
    {
      namespaces: [exampleNamespace("orders", change), exampleNamespace("payments")],
      ...facts,
    },
  );
  return [...auditRoles(situation), ...auditPermittedPatterns(situation)].map(inFull);
}

const deployed = (image: string, ...server: string[]): Partial<SettingsInput> => ({
  kiam: { region: "eu-west-1", image, extraArgs: { server } },
});
const kiam3 = deployed("quay.io/uswitch/kiam:v3.6");
const loose = deployed("quay.io/uswitch/kiam:v4.2", "--disable-strict-namespace-regexp");

function kube2iamWith(...flags: string[]): Partial<ClusterFacts> {
  const { kube2iam } = exampleFacts();
  return {
    kube2iam: kube2iam && { ...kube2iam, commandLine: [...kube2iam.commandLine, ...flags] },
  };
}

describe("audit of permitted roles", () => {
  it("finds nothing where a namespace permits what its pods use", () =>
    assert.deepEqual(codes(findings({ permitted: orders })), []));

  describe("role-not-permitted", () => {
    it("judges by the kiam that is deployed", () => {
      const name = { permitted: "app-orders" };
      assert.deepEqual(codes(findings(name)), ["blocks role-not-permitted namespace/orders"]);
      assert.match(
        findings(name)[0]?.seen ?? "",
        /as a whole: kiam from version 4 on puts \^ and \$/,
      );
      assert.ok(!codes(findings(name, loose)).some((each) => each.startsWith("blocks")));
      assert.ok(
        !codes(findings(name, { ...kiam3, namespaces: { payments: { permitted: ".*" } } })).some(
          (each) => each.startsWith("blocks"),
        ),
      );
    });

    it("matches the role as the pod names it, for kiam 3", () => {
      const list = findings({ permitted: orders }, kiam3);
      assert.equal(list[0]?.code, "role-not-permitted");
      assert.match(list[0].seen, /pods use app-orders, which/);
    });

    it("passes over pods on the host network", () => {
      const pods = [examplePod("orders", "o", { role: "app-orders", hostNetwork: true })];
      assert.deepEqual(codes(findings({}, {}, { pods })), []);
    });
  });

  describe("permitted-invalid", () => {
    it("names an annotation that kiam cannot compile, instead of every role", () => {
      const list = findings({ permitted: "(?=app)" });
      assert.deepEqual(codes(list), ["blocks permitted-invalid namespace/orders"]);
      assert.deepEqual(codes(findings({ permitted: "*.*" }, loose)), [
        "blocks permitted-invalid namespace/orders",
      ]);
    });

    it("not where the settings override it, or no pod there uses a role", () => {
      const namespaces = {
        orders: { permitted: orders },
        payments: { permitted: payments },
      };
      assert.deepEqual(codes(findings({ permitted: "(" }, { namespaces })), []);
      assert.deepEqual(codes(findings({ permitted: "(" }, {}, { pods: [] })), []);
    });
  });

  describe("permitted-valid-by-accident", () => {
    it("names the article's own *.*, and nothing of .*app-orders", () => {
      assert.deepEqual(codes(findings({ permitted: "*.*" })), [
        "warns permitted-valid-by-accident namespace/orders",
      ]);
      assert.deepEqual(codes(findings({ permitted: ".*app-orders" })), []);
    });
  });

  describe("permitted-too-wide", () => {
    const wide = ["warns permitted-too-wide namespace/orders"];
    const account = ["a", "b", "c", "app-orders", "app-orders-admin"].map((n) => roleBaseArn + n);

    it("names every role, and the roles of other namespaces", () => {
      assert.deepEqual(codes(findings({ permitted: ".*" })), wide);
      const list = findings({ permitted: `${roleBaseArn}.*` });
      assert.deepEqual(codes(list), wide);
      assert.match(list[0]?.seen ?? "", /1 role that no pod in it uses: .*app-payments/);
    });

    it("names up to three of the account's roles, and how many", () => {
      const iam = exampleIam({ account });
      const list = findings({ permitted: `${roleBaseArn}[^/]*` }, {}, { iam });
      assert.deepEqual(codes(list), wide);
      assert.match(
        list[0]?.seen ?? "",
        /4 roles .*role\/a, .*role\/app-orders-admin, .*b and 1 more/,
      );
    });

    it("shows what an alternation without a group permits", () => {
      const iam = exampleIam({ account });
      const permitted = `${roleBaseArn}app-orders|${roleBaseArn}x`;
      const list = findings({ permitted }, {}, { iam });
      assert.match(list[0]?.seen ?? "", /app-orders-admin/);
      assert.match(list[0]?.fix ?? "", /\(\?:a\|b\)/);
      assert.deepEqual(
        codes(findings({ permitted: `${roleBaseArn}(?:app-orders|x)` }, {}, { iam })),
        [],
      );
    });

    it("not for roles that it names one by one, nor for those that AWS keeps to itself", () => {
      const iam = exampleIam({
        account: [...account, `${roleBaseArn}aws-service-role/x.amazonaws.com/AWSServiceRoleForX`],
      });
      assert.deepEqual(
        codes(findings({ permitted: `${roleBaseArn}(app-orders|b)` }, {}, { iam })),
        [],
      );
      assert.deepEqual(
        codes(findings({ permitted: `${roleBaseArn}(app-orders|aws-.*)` }, {}, { iam })),
        [],
      );
    });

    it("not beyond what kube2iam allowed there", () => {
      const iam = exampleIam({ account });
      const restricted = { iam, ...kube2iamWith("--namespace-restrictions") };
      const permitted = `${roleBaseArn}app-.*`;
      const allowing = (allowedRoles: string) => ({ permitted, allowedRoles });
      assert.deepEqual(codes(findings(allowing('["app-*"]'), {}, restricted)), []);
      assert.deepEqual(codes(findings(allowing('["app-orders"]'), {}, restricted)), wide);
      assert.deepEqual(codes(findings(allowing('["app-*"]'), {}, { iam })), wide);
      assert.deepEqual(
        codes(findings({ permitted: ".*", allowedRoles: '["*"]' }, {}, restricted)),
        [],
      );
    });
  });

  describe("permitted-differs-by-version", () => {
    const differs = ["warns permitted-differs-by-version namespace/orders"];

    it("names a role that strict matching would refuse", () => {
      assert.deepEqual(codes(findings({ permitted: "app-orders" }, loose)), differs);
      const list = findings(
        { permitted: "^app-orders$" },
        { ...kiam3, namespaces: { payments: { permitted: "teams/.*" } } },
      );
      assert.ok(codes(list).includes(differs[0] ?? ""));
      assert.match(list[0]?.seen ?? "", /kiam:v3\.6/);
    });

    it("not where both agree", () => {
      assert.deepEqual(codes(findings({ permitted: `^${orders}$` }, loose)), []);
      assert.deepEqual(codes(findings({ permitted: orders })), []);
    });
  });
});
