import assert from "node:assert/strict";

import type {
  ClusterFacts,
  NetworkPolicyFacts,
  PodFacts,
} from "../../../migration/facts/clusterFacts.js";
import { coversInterface } from "../../../migration/rules/hostInterface.js";
import { isMaster } from "../../../migration/situation/nodeSelection.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import { exampleFacts, exampleNode, examplePod } from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/* Pure: findings about ports, interfaces and the way from agent to server appear with their cause, and go with it. */

const kiam = { region: "eu-west-1" };

function daemon(namespace: string, name: string, change: Partial<PodFacts> = {}): PodFacts {
  return examplePod(namespace, name, { hostNetwork: true, controller: "DaemonSet", ...change });
}

describe("audit of the agent's port", () => {
  const exporter = (node: string) =>
    daemon("monitoring", `exporter-${node.slice(-1)}wxyz`, { node, hostPorts: [8881] });
  const having = (pods: PodFacts[], settings: Partial<SettingsInput> = {}) =>
    findings(settings, { pods });

  it("names a DaemonSet that takes it once, however many workers it is on", () => {
    const pods = ["worker-1", "worker-2"].map(exporter);
    const list = having(pods);
    assert.deepEqual(codes(list), ["blocks agent-port-in-use daemonset/monitoring/exporter"]);
    assert.match(list[0]?.seen ?? "", /8881.*worker-1, worker-2/);
    assert.deepEqual(codes(having(pods, { stage: "server" })), [
      "warns agent-port-in-use daemonset/monitoring/exporter",
    ]);
  });

  it("names any other pod by its name", () => {
    const pod = examplePod("shop", "cache-0", { hostPorts: [8881], controller: "StatefulSet" });
    assert.deepEqual(codes(having([pod])), ["blocks agent-port-in-use pod/shop/cache-0"]);
  });

  it("is silent about other ports, masters, and the pods of the migration itself", () => {
    assert.deepEqual(
      codes(
        having([
          { ...exporter("worker-1"), hostPorts: [9100] },
          exporter("master-1"),
          daemon("kiam", "kiam-agent-abcde", { hostPorts: [8881] }),
          daemon("kube-system", "kube2iam-abcde", { hostPorts: [8881] }),
        ]),
      ),
      [],
    );
  });
});

describe("audit of a changed port of the agent", () => {
  const agentPorts = { "worker-1": "8881", "worker-2": "8881" };
  const agents = Object.keys(agentPorts);
  const stages = ["prepare", "server", "agent", "cutover", "retire"] as const;
  const changed = (change: Partial<ClusterFacts> = {}, settings: Partial<SettingsInput> = {}) =>
    findings(
      { kiam: { ...kiam, agentPort: 8882 }, ...settings },
      { agents, agentPorts, ...change },
    ).filter(({ code }) => code === "agent-port-changed");

  it("blocks at every stage, forward and back, as long as there are agents", () => {
    for (const stage of stages) {
      assert.deepEqual(codes(changed({}, { stage })), [
        "blocks agent-port-changed daemonset/kiam/kiam-agent",
      ]);
      assert.deepEqual(changed({ agents: [], agentPorts: {} }, { stage }), []);
      assert.deepEqual(changed({}, { stage, kiam }), []);
    }
    const [found] = changed();
    assert.match(found?.seen ?? "", /is 8882, .* on worker-1, worker-2 listens on 8881/);
    assert.match(found?.fix ?? "", /kiam\.agentPort to 8881.*stage server/);
  });

  it("cannot be acknowledged", () => {
    const object = "daemonset/kiam/kiam-agent";
    const acknowledged = [{ code: "agent-port-changed" as const, object, reason: "it is meant" }];
    const [found] = changed({}, { audit: { acknowledged } });
    assert.equal(found?.severity, "blocks");
    assert.equal(found.acknowledged, undefined);
  });

  it("blocks where an agent tells no port, or one that is none, and shows it harmlessly", () => {
    for (const port of ["", "$(PORT)", "8882 ", "\u001b[2J<!--"]) {
      const [found] = changed({ agentPorts: { "worker-1": port, "worker-2": "8882" } });
      assert.equal(found?.severity, "blocks", port);
      assert.match(found.seen, /on worker-1 /);
      assert.ok(!found.seen.includes("\u001b"), found.seen);
    }
  });

  it("lets a change back go on where the rules lead to the port of the settings", () => {
    const led = { inForce: "kiam", kube2iam: 0, kiamHealthy: false } as const;
    const astray = { ...led, inForce: "unknown", unclear: "a rule to 10.0.0.11:8881" } as const;
    assert.deepEqual(changed({ rules: { "worker-1": led, "worker-2": led } }), []);
    const [found] = changed({ rules: { "worker-1": led, "worker-2": astray } });
    assert.match(found?.seen ?? "", /on worker-2 listens/);
  });
});

describe("audit of the agent's interface", () => {
  const running = (pods: string[], hostInterface: string) =>
    codes(
      findings(
        { kiam: { ...kiam, hostInterface } },
        { pods: pods.map((name) => daemon("kube-system", name)) },
      ),
    );

  it("warns where it does not fit the CNI plugin that runs, and only then", () => {
    for (const [pods, right, wrong] of [
      [["aws-node-abcde"], "eni+", "cali+"],
      [["aws-node-abcde"], "!eth0", "eth0"],
      [["aws-node-abcde", "calico-node-abcde"], "eni+", "cali+"],
      [["calico-node-abcde"], "cali+", "cni0"],
      [["canal-abcde"], "cali+", "cni0"],
      [["cilium-abcde"], "lxc+", "cilium_host"],
      [["weave-net-abcde"], "weave", "cni0"],
      [["kube-router-abcde"], "kube-bridge", "kube-br"],
      [["kube-flannel-ds-abcde"], "cni0", "flannel.1"],
    ] as const) {
      assert.deepEqual(running([...pods], right), [], pods.join());
      assert.deepEqual(
        running([...pods], wrong),
        ["warns interface-unlikely cluster"],
        pods.join(),
      );
    }
  });

  it("is silent where no CNI plugin is recognised", () => {
    assert.deepEqual(running(["node-exporter-abcde"], "cbr0"), []);
    const user = examplePod("shop", "aws-node-abcde");
    assert.deepEqual(codes(findings({}, { pods: [user] })), []);
  });

  it("takes one expression to cover another as iptables does", () => {
    for (const [expression, other, covers] of [
      ["cali+", "cali+", true],
      ["cal+", "cali+", true],
      ["cali1+", "cali+", false],
      ["cali", "cali+", false],
      ["+", "cni0", true],
      ["!eth0", "cni0", true],
      ["!eth0", "eth0", false],
      ["!eth0", "eth+", false],
      ["!e+", "eni+", false],
      ["!eni1+", "eni+", false],
    ] as const) {
      assert.equal(coversInterface(expression, other), covers, `${expression} ${other}`);
    }
  });
});

describe("audit of NetworkPolicies", () => {
  const servers = {
    matchLabels: { "app.kubernetes.io/name": "kiam", "app.kubernetes.io/component": "server" },
  };
  const policy = (
    ingress: NetworkPolicyFacts["ingress"],
    podSelector: NetworkPolicyFacts["podSelector"] = servers,
    name = "servers",
  ): NetworkPolicyFacts => ({ name, podSelector, ingress });
  const given = (
    networkPolicies: NetworkPolicyFacts[],
    settings: Partial<SettingsInput> = { kiam },
  ) => findings(settings, { networkPolicies });
  const blocked = ["blocks network-policy-blocks-agent namespace/kiam"];
  const unsure = ["warns network-policy-blocks-agent namespace/kiam"];
  const onPort = [{ protocol: "TCP", port: 443 }];

  it("blocks where nobody is let in on the server's port, from stage agent on", () => {
    assert.deepEqual(codes(given([policy([])])), blocked);
    assert.deepEqual(codes(given([policy([], {})])), blocked);
    assert.deepEqual(codes(given([policy([{ ports: [{ port: 9090 }] }])])), blocked);
    assert.deepEqual(
      codes(given([policy([{ ports: [{ port: 443, protocol: "UDP" }] }])])),
      blocked,
    );
    assert.deepEqual(codes(given([policy([{ ports: [{ port: "grpc" }] }])])), blocked);
    assert.deepEqual(codes(given([policy([])], { kiam, stage: "server" })), unsure);
  });

  it("warns where only pods, or other addresses, are let in", () => {
    const agents = { podSelector: { matchLabels: { "app.kubernetes.io/component": "agent" } } };
    assert.deepEqual(codes(given([policy([{ ports: onPort, _from: [agents] }])])), unsure);
    const cidr = (each: string, except: string[] = []) => ({ ipBlock: { cidr: each, except } });
    for (const peer of [cidr("10.0.0.12/32"), cidr("10.0.0.0/8", ["10.0.0.13/32"])]) {
      const list = given([policy([{ ports: onPort, _from: [peer] }])]);
      assert.deepEqual(codes(list), unsure);
      assert.match(list[0]?.seen ?? "", /no address of .*worker-[13]/);
    }
  });

  it("is silent where one policy lets the workers in", () => {
    const isolation = policy([], {}, "default-deny");
    const workers = { ipBlock: { cidr: "10.0.0.0/24" } };
    for (const rule of [
      {},
      { ports: onPort },
      { ports: [{ port: 400, endPort: 500 }] },
      { ports: onPort, _from: [workers] },
    ]) {
      assert.deepEqual(codes(given([isolation, policy([rule])])), []);
    }
  });

  it("is silent about policies for others, for egress, and for a server on the host's network", () => {
    const others = {
      matchExpressions: [
        { key: "app.kubernetes.io/component", operator: "NotIn", values: ["server"] },
      ],
    };
    assert.deepEqual(codes(given([policy([], others), policy(undefined)])), []);
    const hostNetwork = { kiam: { ...kiam, serverHostNetwork: true } };
    assert.deepEqual(codes(given([policy([])], hostNetwork)), []);
  });
});

describe("audit with many findings", () => {
  it("names a few nodes of many, each once", () => {
    const workers = [1, 2, 3, 4, 5, 6].map((each) =>
      exampleNode(`worker-${each}`, `10.0.0.1${each}`),
    );
    // While a DaemonSet is updated, a worker has its old pod and its new one.
    const pods = [...workers, ...workers].map(({ name }, index) =>
      daemon("monitoring", `exporter-${index + 10}xyz`, { node: name, hostPorts: [8881] }),
    );
    const nodes = [...exampleFacts().nodes.filter(isMaster), ...workers];
    assert.match(findings({ stage: "server" }, { nodes, pods })[0]?.seen ?? "", /and 3 more$/);
  });
});
