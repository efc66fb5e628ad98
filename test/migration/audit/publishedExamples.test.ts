import assert from "node:assert/strict";

import type { Finding } from "../../../migration/audit/finding.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import { exampleFacts, examplePod } from "../../support/exampleCluster.js";
import { findings } from "../../support/findings.js";
import {
  publishedFacts,
  publishedInterfaces,
  publishedKiam,
  publishedKube2iam,
} from "../../support/publishedExamples.js";

/*
 * Pure: the audit on what kube2iam and kiam publish themselves, in the example cluster, with a pod
 * that has no role. Which values there are is seen; that they run is not.
 */

type Example = keyof typeof publishedKube2iam;

const pods = [...exampleFacts().pods, examplePod("batch", "without-role")];

function auditOf(
  example: Example,
  settings: Partial<SettingsInput> = {},
  daemonSets: readonly string[] = [],
): Finding[] {
  const agents = daemonSets.map((name) =>
    examplePod("kube-system", `${name}-x7k2p`, { hostNetwork: true, controller: "DaemonSet" }),
  );
  return findings(
    { stage: "cutover", ...settings },
    {
      kube2iam: publishedFacts(example, exampleFacts().kube2iam?.pods ?? {}),
      pods: [...pods, ...agents],
    },
  );
}

const summary = (list: readonly Finding[]) =>
  [...new Set(list.map(({ severity, code }) => `${severity} ${code}`))].sort();

describe("kube2iam as it is published", () => {
  const expected: Record<Example, string[]> = {
    minimal: ["warns kube2iam-leaves-rule-to-others", "warns kube2iam-version"],
    "with its own rule": ["informs prestop-hook", "warns kube2iam-version"],
    weave: ["warns kube2iam-version"],
    "OpenShift 3": ["blocks role-base-arn-unknown", "warns kube2iam-version"],
    "OpenShift 4": [
      "blocks role-base-arn-unknown",
      "warns kube2iam-leaves-rule-to-others",
      "warns kube2iam-version",
    ],
    EKS: [
      "blocks default-role-lost",
      "blocks role-base-arn-unknown",
      "informs prestop-hook",
      "warns kube2iam-version",
    ],
    "kustomize, Calico": [
      "blocks default-role-lost",
      "blocks role-base-arn-unknown",
      "warns kube2iam-version",
    ],
    "chart of today": [
      "blocks role-base-arn-unknown",
      "informs prestop-hook",
      "warns kube2iam-leaves-rule-to-others",
    ],
    // Its account has ten digits: what the namespaces permit cannot match.
    "chart of 2017": [
      "blocks default-role-lost",
      "blocks role-not-permitted",
      "warns kube2iam-leaves-rule-to-others",
    ],
    "end-to-end tests": ["warns kube2iam-leaves-rule-to-others", "warns kube2iam-version"],
  };
  for (const example of Object.keys(expected) as Example[]) {
    const { source } = publishedKube2iam[example];
    it(`${example} (${source})`, () =>
      assert.deepEqual(summary(auditOf(example)), expected[example]));
  }

  it("is told what its --host-interface does not tell where it writes no rule", () => {
    const list = auditOf("chart of today");
    const finding = list.find(({ code }) => code === "kube2iam-leaves-rule-to-others");
    assert.match(finding?.fix ?? "", /set kube2iam\.interface/);
  });
});

describe("kiam as it is published, beside kube2iam's defaults", () => {
  const settings = (name: keyof typeof publishedKiam): Partial<SettingsInput> => {
    const { serverTolerations, ...kiam } = publishedKiam[name].kiam;
    return { kiam: { ...kiam, serverTolerations: [...serverTolerations], region: "eu-west-1" } };
  };

  it(`manifests (${publishedKiam.manifests.source})`, () =>
    assert.deepEqual(summary(auditOf("weave", settings("manifests"))), [
      // The masters of the example do not have its label.
      "blocks no-server-node",
      "blocks port-clash",
      "warns kube2iam-version",
    ]));

  it(`chart (${publishedKiam.chart.source})`, () =>
    assert.deepEqual(summary(auditOf("weave", settings("chart"))), [
      "blocks ca-path-wrong",
      // Without a node selector every node is one of the server's, and none a worker.
      "blocks kube2iam-on-server-node",
      "blocks no-worker",
      "blocks port-clash",
      "blocks taint-not-tolerated",
      "warns kube2iam-version",
      "warns node-outside-workers",
      "warns session-too-short",
    ]));
});

describe("interfaces as kube2iam's README lists them", () => {
  const unlikely = (chosen: string, daemonSets: readonly string[]) =>
    auditOf(
      "weave",
      { kube2iam: {}, kiam: { region: "eu-west-1", hostInterface: chosen } },
      daemonSets,
    ).some(({ code }) => code === "interface-unlikely");
  for (const { cni, interface: listed, daemonSets } of publishedInterfaces) {
    it(`${listed} fits ${cni}${daemonSets.length === 0 ? ", which nothing shows" : " and docker0 does not"}`, () => {
      assert.equal(unlikely(listed, daemonSets), false);
      assert.equal(unlikely("docker0", daemonSets), daemonSets.length > 0);
    });
  }

  it("cali+ does not fit Calico on the AWS VPC CNI", () =>
    assert.equal(unlikely("cali+", ["aws-node", "calico-node"]), true));
});
