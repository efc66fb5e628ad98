import assert from "node:assert/strict";

import { isBlocking } from "../../../migration/audit/finding.js";
import { kiamOnlyKey } from "../../../migration/facts/clusterFacts.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import type { SettingsInput, Toleration } from "../../../migration/settings/schema.js";
import type { Stage } from "../../../migration/stages.js";
import { exampleFacts, exampleSettings } from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/* Pure: the setting newNodes, and what the audit says of it. */

function said(
  stage: Stage,
  newNodes: SettingsInput["newNodes"],
  tolerations: Toleration[],
): string[] {
  const { kube2iam } = exampleFacts();
  assert.ok(kube2iam !== undefined);
  const settings = { stage, newNodes: { guardedBy: "hopLimit", ...newNodes } } as const;
  return codes(findings(settings, { kube2iam: { ...kube2iam, tolerations } }));
}

const everything: Toleration[] = [{ operator: "Exists" }];
const daemonSet = "daemonset/kube-system/kube2iam";

describe("newNodes", () => {
  it("keeps kube2iam off nobody and offers no startup taint by default", () => {
    assert.deepEqual(parseSettings(exampleSettings({ newNodes: {} })).newNodes, {
      keepKube2iamOff: "none",
      startupTaint: false,
      guardedBy: "none",
      kubectlImage: "docker.io/alpine/k8s:1.34.2",
    });
  });

  it("is checked like every setting", () => {
    const newNodes = {
      keepKube2iamOff: "annotation",
      kubectlImage: "a b",
      startUpTaint: true,
      guardedBy: "prayer",
    };
    assert.throws(
      () => parseSettings({ ...exampleSettings(), newNodes }),
      (error: Error) => {
        assert.match(
          error.message,
          /newNodes\.keepKube2iamOff \(is "annotation"\): must be one of/,
        );
        assert.match(
          error.message,
          /newNodes\.guardedBy \(is "prayer"\): must be one of none, bootGuard, hopLimit/,
        );
        assert.match(error.message, /newNodes\.kubectlImage \(is "a b"\)/);
        assert.match(error.message, /newNodes\.startUpTaint.*is not a setting/);
        return true;
      },
    );
  });

  const taint = { keepKube2iamOff: "taint" } as const;

  it("blocks a taint that kube2iam tolerates, from stage cutover on", () => {
    const blocked = `blocks taint-tolerated-by-kube2iam ${daemonSet}`;
    for (const tolerations of [
      everything,
      [{ key: kiamOnlyKey, operator: "Exists" as const }],
      [{ key: kiamOnlyKey, value: "true", effect: "NoSchedule" as const }],
    ]) {
      assert.deepEqual(said("cutover", taint, tolerations), [blocked]);
    }
    assert.deepEqual(said("retire", taint, everything), [blocked]);
    assert.deepEqual(said("agent", taint, everything), []);
    assert.deepEqual(said("cutover", taint, [{ key: "dedicated", operator: "Exists" }]), []);
    assert.deepEqual(said("cutover", { keepKube2iamOff: "label" }, everything), []);
  });

  it("says that a startup taint keeps kube2iam off, as long as that matters", () => {
    const announced = `informs startup-taint-keeps-kube2iam-off ${daemonSet}`;
    assert.deepEqual(said("agent", { startupTaint: true }, []), [announced]);
    assert.deepEqual(said("cutover", { startupTaint: true }, []), [announced]);
    assert.deepEqual(said("cutover", { startupTaint: true }, everything), []);
    assert.deepEqual(said("server", { startupTaint: true }, []), []);
    assert.deepEqual(said("retire", { startupTaint: true }, []), []);
  });

  it("says nothing of either once kube2iam is gone", () => {
    const recorded = {
      port: 8181,
      interface: "cni0",
      baseRoleArn: "arn:aws:iam::123456789012:role/",
    };
    const newNodes = { ...taint, startupTaint: true };
    assert.deepEqual(findings({ newNodes }, { kube2iam: undefined, recorded }), []);
  });

  it("blocks stage retire while nothing guards new nodes, and warns at cutover", () => {
    const unguarded = (stage: Stage, newNodes: SettingsInput["newNodes"] = {}) =>
      codes(findings({ stage, newNodes }));
    assert.deepEqual(unguarded("retire"), ["blocks new-nodes-unguarded cluster"]);
    assert.deepEqual(unguarded("cutover"), ["warns new-nodes-unguarded cluster"]);
    assert.deepEqual(unguarded("agent"), []);
    for (const newNodes of [
      { guardedBy: "bootGuard" },
      { guardedBy: "hopLimit" },
      { keepKube2iamOff: "label" },
      { startupTaint: true },
    ] as const) {
      for (const stage of ["cutover", "retire"] as const) {
        const list = unguarded(stage, newNodes);
        assert.ok(!list.some((each) => each.includes("unguarded")), JSON.stringify(newNodes));
      }
    }
  });

  it("says it still when kube2iam is gone, until somebody accepts it", () => {
    const recorded = { port: 8181, interface: "cni0", baseRoleArn: "" };
    const gone = { kube2iam: undefined, recorded };
    const kiam = { region: "eu-west-1", roleBaseArn: "arn:aws:iam::123456789012:role/" };
    assert.ok(findings({ newNodes: {}, kiam }, gone).some(isBlocking));
    const acknowledged = [
      { code: "new-nodes-unguarded", object: "cluster", reason: "the group never grows" },
    ] as const;
    const accepted = findings(
      { newNodes: {}, kiam, audit: { acknowledged: [...acknowledged] } },
      gone,
    );
    assert.deepEqual(codes(accepted), ["blocks new-nodes-unguarded cluster"]);
    assert.ok(!accepted.some(isBlocking));
  });

  it("wants the startup taint's account confined, or somebody to accept that it is not", () => {
    const old = (stage: Stage, startupTaint = true) =>
      codes(
        findings(
          { stage, newNodes: { guardedBy: "hopLimit", startupTaint } },
          { admissionPolicies: false },
        ),
      ).filter((each) => each.includes("unconfined"));
    assert.deepEqual(old("server"), ["warns startup-taint-unconfined newNodes.startupTaint"]);
    assert.deepEqual(old("agent"), ["blocks startup-taint-unconfined newNodes.startupTaint"]);
    assert.deepEqual(old("agent", false), []);
    assert.ok(
      !codes(findings({ newNodes: { startupTaint: true } })).some((each) =>
        /unconfined/.test(each),
      ),
    );
  });
});
