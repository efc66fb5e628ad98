import assert from "node:assert/strict";

import type { ClusterFacts, Kube2iamFacts } from "../../../migration/facts/clusterFacts.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { situationOf } from "../../../migration/situation/situation.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import {
  exampleFacts,
  exampleNamespace,
  exampleNode,
  exampleSettings,
  roleBaseArn,
} from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/* Pure: how kube2iam's DaemonSet is set up. Each case first as it should be, then not. */

const object = "daemonset/kube-system/kube2iam";

function having(
  change: Partial<Kube2iamFacts>,
  settings: Partial<SettingsInput> = {},
  facts: Partial<ClusterFacts> = {},
) {
  const { kube2iam } = exampleFacts();
  assert.ok(kube2iam !== undefined);
  return findings(
    { stage: "cutover", ...settings },
    { kube2iam: { ...kube2iam, ...change }, ...facts },
  );
}

function withFlags(...flags: string[]): Partial<Kube2iamFacts> {
  return { commandLine: [...(exampleFacts().kube2iam?.commandLine ?? []), ...flags] };
}

describe("audit of kube2iam's DaemonSet", () => {
  it("wants an image that names a version", () => {
    for (const image of [
      "jtblin/kube2iam:0.11.1",
      "registry:5000/kube2iam:v0.15.0",
      `jtblin/kube2iam@sha256:${"0".repeat(64)}`,
    ]) {
      assert.deepEqual(codes(having({ image })), [], image);
    }
    for (const image of ["jtblin/kube2iam", "jtblin/kube2iam:latest", "registry:5000/kube2iam"]) {
      assert.deepEqual(codes(having({ image })), [`warns kube2iam-version ${object}`], image);
    }
  });

  it("wants the annotations that kiam reads", () => {
    const usual = [
      "--iam-role-key=iam.amazonaws.com/role",
      "--iam-external-id=iam.amazonaws.com/external-id",
      "--namespace-key=iam.amazonaws.com/allowed-roles",
    ];
    assert.deepEqual(codes(having(withFlags(...usual))), []);
    const others = ["--iam-role-key=acme.io/role", "--iam-external-id=x", "--namespace-key", "y"];
    const list = having(withFlags(...others));
    assert.deepEqual(codes(list), [
      `blocks kube2iam-annotation-differs ${object}`,
      `warns kube2iam-annotation-differs ${object}`,
      `warns kube2iam-annotation-differs ${object}`,
    ]);
    assert.match(list[0]?.seen ?? "", /acme\.io\/role/);
  });

  it("tells of restrictions that kiam will not know, enforced or not, until they are translated", () => {
    const restricted = (permitted?: string) => [
      ...exampleFacts().namespaces,
      exampleNamespace("shop", { allowedRoles: '["shop-*"]', permitted }),
    ];
    const seen = (flags: string[], permitted?: string) =>
      having(withFlags(...flags), {}, { namespaces: restricted(permitted) });
    const enforced = seen(["--namespace-restrictions", "--namespace-restriction-format=regexp"]);
    assert.deepEqual(codes(enforced), [`informs kube2iam-restricts-namespaces ${object}`]);
    assert.match(enforced[0]?.seen ?? "", /1 namespace \(shop\).*as regexp/);
    assert.match(seen([])[0]?.seen ?? "", /does not enforce/);
    assert.deepEqual(codes(seen(["--namespace-restrictions"], "arn:.*/shop-.*")), []);
  });

  it("warns where something else writes kube2iam's rule", () => {
    const commandLine = [`--base-role-arn=${roleBaseArn}`, "--host-interface=cni0"];
    const [finding, ...others] = having({ commandLine });
    assert.deepEqual([finding?.code, others], ["kube2iam-leaves-rule-to-others", []]);
    assert.match(finding?.fix ?? "", /set kube2iam\.interface/);
    const set = having({ commandLine }, { kube2iam: { interface: "cni0" } });
    assert.doesNotMatch(set[0]?.fix ?? "", /set kube2iam\.interface/);
    assert.deepEqual(codes(having({ commandLine: [...commandLine, "--iptables"] })), []);
  });

  it("does not let settings contradict its flags", () => {
    const differs = `blocks kube2iam-settings-differ ${object}`;
    assert.deepEqual(codes(having({}, { kube2iam: { port: 8181, interface: "cni0" } })), []);
    assert.deepEqual(codes(having({}, { kube2iam: { port: 8282, interface: "cali+" } })), [
      differs,
      differs,
    ]);
    // Its own defaults count where a flag is absent, and a variable cannot be compared.
    const bare = { commandLine: [`--base-role-arn=${roleBaseArn}`, "--iptables"] };
    assert.deepEqual(codes(having(bare, { kube2iam: { interface: "docker0" } })), []);
    assert.deepEqual(codes(having(bare, { kube2iam: { interface: "cni0" } })), [differs]);
    const variable = withFlags("--app-port=$(PORT)", "--host-interface=$(INTERFACE)");
    assert.deepEqual(codes(having(variable, { kube2iam: { port: 1, interface: "cni0" } })), []);
    // Whoever writes the rule instead need not heed --host-interface.
    const others = having(withFlags("--iptables=false"), { kube2iam: { interface: "cali+" } });
    assert.deepEqual(codes(others), [`warns kube2iam-leaves-rule-to-others ${object}`]);
  });

  it("blocks where a flag that is needed cannot be used, whatever it holds, and makes no plan", () => {
    const unusable = `blocks kube2iam-flag-unusable ${object}`;
    for (const flag of [
      "--app-port=$(PORT)",
      "--app-port=0x1F90",
      "--app-port=8181;id",
      "--host-interface=cni0\nid #",
      "--host-interface=$(IFACE)",
      "--base-role-arn=arn:aws:iam::123456789012:role/$(id)",
    ]) {
      assert.deepEqual(codes(having(withFlags(flag))), [unusable], flag);
      const facts = exampleFacts();
      const kube2iam = { ...facts.kube2iam!, ...withFlags(flag) };
      const settings = parseSettings(exampleSettings());
      const situation = situationOf(settings, { ...facts, kube2iam });
      assert.throws(() => makePlan(situation), /cannot be used/, flag);
    }
  });

  it("warns where it no longer is what an earlier run recorded", () => {
    const recorded = { port: 8181, interface: "cni0", baseRoleArn: roleBaseArn };
    assert.deepEqual(codes(having({}, {}, { recorded })), []);
    const list = having({}, {}, { recorded: { ...recorded, port: 8282, interface: "cali+" } });
    assert.deepEqual(codes(list), [
      `warns kube2iam-settings-differ ${object}`,
      `warns kube2iam-settings-differ ${object}`,
    ]);
    assert.match(list[0]?.seen ?? "", /recorded port 8282.*port 8181 now/);
    // Where a setting stands, that is what is recorded: it contradicts the flags, and not the record.
    const set = having({}, { kube2iam: { port: 8282 } }, { recorded: { ...recorded, port: 8282 } });
    assert.deepEqual(codes(set), [`blocks kube2iam-settings-differ ${object}`]);
  });

  it("wants a ready pod of it on every worker that has not done without from birth", () => {
    const { nodes, kube2iam } = exampleFacts();
    const pods = kube2iam?.pods ?? {};
    const dedicated = exampleNode("worker-9", "10.0.0.19", {
      taints: [{ key: "dedicated", value: "gpu", effect: "NoSchedule" }],
    });
    const hostKeys = { acceptUnknownHosts: true, privateKey: "the private key" };
    const without = having({ pods }, { ssh: hostKeys }, { nodes: [...nodes, dedicated] });
    assert.deepEqual(codes(without), [`warns kube2iam-misses-workers ${object}`]);
    assert.match(without[0]?.seen ?? "", /1 worker \(worker-9\).*dedicated:NoSchedule/);
    const kiamOnly = exampleNode("worker-9", "10.0.0.19", {
      labels: { "kube2iam-to-kiam/kiam-only": "true" },
    });
    const kept = having(
      { avoidsKiamOnly: true },
      { ssh: hostKeys },
      { nodes: [...nodes, kiamOnly] },
    );
    assert.deepEqual(codes(kept), []);

    const failing = { ...pods, "worker-2": { uid: "u", ready: false } };
    const notReady = having({ pods: failing });
    assert.deepEqual(codes(notReady), [`warns kube2iam-not-ready ${object}`]);
    assert.match(notReady[0]?.seen ?? "", /1 worker \(worker-2\)/);
    assert.deepEqual(codes(having({ pods: failing }, { stage: "retire" })), []);
  });
});
