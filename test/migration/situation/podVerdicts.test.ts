import assert from "node:assert/strict";

import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import type { ApplicationRoleFacts, IamFacts } from "../../../migration/facts/iamFacts.js";
import { podVerdicts } from "../../../migration/situation/podVerdicts.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import {
  exampleFacts,
  exampleIam,
  examplePod,
  exampleRole,
  roleBaseArn,
  exampleSituation,
} from "../../support/exampleCluster.js";

/* Pure: what kiam would do for each pod, judged from facts. */

const orders = `${roleBaseArn}app-orders`;
const payments = `${roleBaseArn}teams/payments/app-payments`;

function iam(...roles: ApplicationRoleFacts[]): IamFacts {
  return exampleIam({ roles: Object.fromEntries(roles.map((role) => [role.arn, role])) });
}

function verdicts(facts: Partial<ClusterFacts> = {}, settings: Partial<SettingsInput> = {}) {
  return podVerdicts(exampleSituation(settings, facts));
}

const short = (list: ReturnType<typeof verdicts>) =>
  list.map(({ namespace, verdict, because }) => [namespace, verdict, because.join("; ")]);

describe("verdicts for pods", () => {
  it("call ready only what was looked at as a whole", () => {
    assert.deepEqual(short(verdicts()), [
      ["orders", "unchecked", "IAM was not looked at"],
      ["payments", "unchecked", "IAM was not looked at"],
    ]);
    assert.deepEqual(short(verdicts({ iam: iam(exampleRole(orders), exampleRole(payments)) })), [
      ["orders", "ready", ""],
      ["payments", "ready", ""],
    ]);
  });

  it("say every reason why kiam would refuse", () => {
    const facts = iam(
      exampleRole(orders, { trustsServer: "denied", serverMay: "denied" }),
      exampleRole(payments, { exists: false }),
    );
    assert.deepEqual(
      short(verdicts({ iam: facts }, { namespaces: { payments: { permitted: ".*" } } })),
      [
        [
          "orders",
          "refused",
          "namespace orders permits no role; the role does not trust the kiam-server role; the kiam-server role may not assume it",
        ],
        ["payments", "refused", "there is no such role"],
      ],
    );
  });

  it("count what could not be told as unchecked, unless STS itself has answered", () => {
    const unknown = exampleRole(orders, {
      trustsServer: "unknown",
      reasons: ["depends on a condition"],
    });
    assert.deepEqual(short(verdicts({ iam: iam(unknown, exampleRole(payments)) }))[0], [
      "orders",
      "unchecked",
      "depends on a condition",
    ]);
    const tried = { ...unknown, tried: { ok: true, message: "" } };
    assert.deepEqual(short(verdicts({ iam: iam(tried, exampleRole(payments)) }))[0], [
      "orders",
      "ready",
      "",
    ]);
    const refused = { ...unknown, tried: { ok: false, message: "AccessDenied" } };
    assert.deepEqual(short(verdicts({ iam: iam(refused, exampleRole(payments)) }))[0], [
      "orders",
      "refused",
      "STS refused it: AccessDenied",
    ]);
  });

  it("name pods on the host network and pods on the default role apart", () => {
    const { kube2iam } = exampleFacts();
    assert.ok(kube2iam !== undefined);
    const list = verdicts({
      pods: [
        examplePod("orders", "node-exporter", { role: "app-orders", hostNetwork: true }),
        examplePod("web", "web-1"),
        examplePod("web", "web-0"),
      ],
      kube2iam: { ...kube2iam, commandLine: [...kube2iam.commandLine, "--default-role=everybody"] },
    });
    assert.deepEqual(
      list.map(({ namespace, verdict, pods }) => [namespace, verdict, pods]),
      [
        ["orders", "bypasses", ["node-exporter"]],
        ["web", "default-role", ["web-0", "web-1"]],
      ],
    );
    assert.deepEqual(verdicts({ pods: [examplePod("web", "web-1")] }), []);
    const none = { ...kube2iam, commandLine: [...kube2iam.commandLine, "--default-role="] };
    assert.deepEqual(verdicts({ pods: [examplePod("web", "web-1")], kube2iam: none }), []);
  });
});
