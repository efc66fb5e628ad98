import assert from "node:assert/strict";

import { audit } from "../../../migration/audit/audit.js";
import { AuditError, refuseBlocking } from "../../../migration/audit/refuse.js";
import type { RecordedKube2iam } from "../../../migration/facts/clusterValues.js";
import type { Stage } from "../../../migration/stages.js";
import {
  exampleFacts,
  exampleMaster,
  exampleNamespace,
  exampleNode,
  examplePod,
  exampleSettings,
  roleBaseArn,
  exampleSituation,
} from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/*
 * Pure: each finding appears when its cause is there, and the example has none. What concerns all
 * topics; a topic has a test of its own beside this. A list of cases: it is as long as they are.
 */

describe("audit", () => {
  it("finds nothing in a cluster that is ready but that kiam and its images are archived", () => {
    const list = audit(exampleSituation());
    assert.deepEqual(codes(list), [
      "warns image-of-archived-project kiam.image",
      "informs kiam-archived kiam",
    ]);
    assert.match(list[1]?.fix ?? "", /Pod Identity.*IRSA/);
  });

  it("warns of a tag at an archived path from stage retire on, not of a digest or a mirror", () => {
    const said = (image: string, stage: Stage = "retire") =>
      audit(exampleSituation({ stage, kiam: { region: "eu-west-1", image } })).some(
        ({ code }) => code === "image-of-archived-project",
      );
    for (const image of [
      "quay.io/uswitch/kiam:v4.0",
      "quay.io/uswitch/kiam",
      "uswitch/kiam:v3.6",
    ]) {
      assert.ok(said(image), image);
      assert.ok(!said(image, "cutover"), image);
    }
    const digest = `sha256:${"0".repeat(64)}`;
    for (const image of [
      `quay.io/uswitch/kiam@${digest}`,
      `quay.io/uswitch/kiam:v4.2@${digest}`,
      "registry.example:5000/uswitch/kiam:v4.2",
      "quay.io/uswitch/kiam-fork:v4.2",
    ]) {
      assert.ok(!said(image), image);
    }
  });

  it("names what several roles of a namespace lack once", () => {
    const pods = ["a", "b", "c", "d"].map((name) => examplePod("orders", name, { role: name }));
    const list = findings({}, { pods });
    assert.deepEqual(codes(list), ["blocks role-not-permitted namespace/orders"]);
    assert.match(list[0]?.seen ?? "", /role\/a, .*role\/c and 1 more, which/);
  });

  it("names a role that its namespace does not permit, by the pods that use it", () => {
    const [finding] = findings({ namespaces: { payments: { permitted: ".*" } } });
    assert.deepEqual([finding?.code, finding?.object], ["role-not-permitted", "namespace/orders"]);
    assert.match(finding?.seen ?? "", /has no iam\.amazonaws\.com\/permitted/);
    assert.match(finding?.fix ?? "", /namespaces\.orders\.permitted/);
  });

  it("accepts an annotation that is there already", () => {
    const namespaces = exampleFacts().namespaces.map((each) => ({
      ...each,
      permitted: `arn:.*/app-${each.name}`,
    }));
    assert.deepEqual(codes(findings({ namespaces: {} }, { namespaces })), []);
  });

  it("names a namespace that does not exist, and one whose annotation somebody else manages", () => {
    const list = findings({
      namespaces: { ...exampleSettings().namespaces, nowhere: { permitted: ".*" } },
    });
    assert.deepEqual(codes(list), ["blocks namespace-missing namespace/nowhere"]);
    const probe = { role: "kiam-probe", namespace: "probes" };
    const unprobed = findings({ probe });
    assert.deepEqual(codes(unprobed), ["blocks namespace-missing namespace/probes"]);
    assert.match(unprobed[0]?.fix ?? "", /probe\.namespace/);
    const namespaces = exampleFacts().namespaces.map((each) => ({
      ...each,
      permitted: "x",
      permittedManagers: ["helm"],
    }));
    assert.equal(
      findings({}, { namespaces }).filter((each) => each.code === "annotation-managed-elsewhere")
        .length,
      2,
    );
    const forced = Object.fromEntries(
      Object.entries(exampleSettings().namespaces ?? {}).map(([name, value]) => [
        name,
        { ...value, force: true },
      ]),
    );
    assert.deepEqual(codes(findings({ namespaces: forced }, { namespaces })), []);
  });

  it("does not take over a namespace that exists", () => {
    const namespaces = [...exampleFacts().namespaces, exampleNamespace("kiam")];
    assert.deepEqual(codes(findings({}, { namespaces })), [
      "blocks namespace-taken namespace/kiam",
    ]);
    const owned = namespaces.map((each) =>
      each.name === "kiam" ? { ...each, owned: true } : each,
    );
    assert.deepEqual(codes(findings({}, { namespaces: owned })), []);
  });

  it("wants the kiam-server role to cover every role in use", () => {
    const iam = {
      ...exampleSettings().iam,
      assumableRoles: ["arn:aws:iam::123456789012:role/app-*"],
    };
    assert.deepEqual(codes(findings({ iam })), [
      "blocks role-not-assumable role/arn:aws:iam::123456789012:role/teams/payments/app-payments",
    ]);
  });

  it("wants the masters' taints tolerated, from stage server on", () => {
    const kiam = { region: "eu-west-1", serverTolerations: [] };
    assert.deepEqual(codes(findings({ kiam })), [
      "blocks taint-not-tolerated node/master-1",
      "blocks taint-not-tolerated node/master-2",
    ]);
    assert.deepEqual(codes(findings({ kiam, stage: "prepare" })), []);
  });

  it("wants nodes for the server, better two, and none of them a worker", () => {
    const nodes = exampleFacts().nodes;
    const workers = nodes.filter((node) => node.name.startsWith("worker"));
    assert.deepEqual(codes(findings({}, { nodes: workers })), ["blocks no-server-node cluster"]);
    assert.deepEqual(codes(findings({}, { nodes: [exampleMaster(), ...workers] })), [
      "warns single-server node/master-1",
    ]);
    const everywhere = { selector: { "kubernetes.io/hostname": "master-1" } };
    assert.deepEqual(codes(findings({ workers: everywhere })).slice(0, 1), [
      "blocks host-key-unknown node/master-1",
    ]);
    assert.ok(
      codes(findings({ workers: everywhere })).includes(
        "blocks server-and-agent-on-one-node node/master-1",
      ),
    );
  });

  it("names every node outside the workers that would lose kube2iam at its retirement", () => {
    const { kube2iam } = exampleFacts();
    assert.ok(kube2iam !== undefined);
    const facts = {
      kube2iam: { ...kube2iam, pods: { ...kube2iam.pods, "master-1": { uid: "u", ready: true } } },
      pods: ["a", "b"].map((name) =>
        examplePod("orders", name, { node: "master-1", role: "app-orders" }),
      ),
    };
    const kiam = { region: "eu-west-1", serverHostNetwork: true };
    const [found] = findings({ kiam }, facts);
    assert.deepEqual(codes([found!]), ["blocks node-outside-workers node/master-1"]);
    assert.match(
      found!.seen,
      /kube2iam runs there; 2 pods there ask for a role \(orders\/a, orders\/b\)/,
    );
    const acknowledged = [
      { code: "node-outside-workers" as const, object: "node/master-1", reason: "only ours" },
    ];
    const [accepted] = findings({ kiam, audit: { acknowledged } }, facts);
    assert.equal(accepted?.acknowledged, "only ours");
    assert.deepEqual(codes(findings({ kiam, stage: "cutover" }, facts)), [
      "warns node-outside-workers node/master-1",
    ]);
    assert.deepEqual(codes(findings({ kiam, stage: "server" }, facts)), [
      "informs node-outside-workers node/master-1",
    ]);
    // Without kube2iam there, such pods read the node's own role, and go on to.
    assert.deepEqual(codes(findings({ kiam }, { ...facts, kube2iam })), [
      "blocks node-outside-workers node/master-1",
    ]);
    assert.deepEqual(codes(findings({ kiam }, { ...facts, pods: [] })), [
      "blocks node-outside-workers node/master-1",
    ]);
    const workers = { list: [{ name: "worker-1" }, { name: "worker-2" }], canaries: [] };
    assert.deepEqual(codes(findings({ workers })), ["blocks node-outside-workers node/worker-3"]);
  });

  it("finds kube2iam's own dangers", () => {
    const { kube2iam } = exampleFacts();
    assert.ok(kube2iam !== undefined);
    const changed = (change: Partial<typeof kube2iam>) =>
      codes(findings({}, { kube2iam: { ...kube2iam, ...change } }));
    assert.deepEqual(changed({ commandLine: ["--host-interface=cni0", "--iptables"] }), [
      "blocks role-base-arn-unknown daemonset/kube-system/kube2iam",
    ]);
    assert.deepEqual(changed({ commandLine: [...kube2iam.commandLine, "--app-port", "8881"] }), [
      "blocks port-clash daemonset/kube-system/kube2iam",
    ]);
    const pods = { ...kube2iam.pods, "master-1": { uid: "u", ready: true } };
    assert.deepEqual(changed({ pods }), [
      "blocks kube2iam-on-server-node node/master-1",
      "blocks node-outside-workers node/master-1",
    ]);
  });

  it("does not let go of the workers' trust while kube2iam runs", () => {
    const iam = { ...exampleSettings().iam, trustWorkerRole: false };
    const list = findings({ iam });
    assert.deepEqual(codes(list), ["blocks worker-role-needed daemonset/kube-system/kube2iam"]);
    const recorded = { port: 8181, interface: "cni0", baseRoleArn: roleBaseArn };
    assert.deepEqual(codes(findings({ iam }, { kube2iam: undefined, recorded })), []);
  });

  it("wants the interface of kube2iam's rule, where neither its DaemonSet nor the record has it", () => {
    const record = { port: 8181, baseRoleArn: roleBaseArn };
    const recorded = JSON.parse(JSON.stringify(record)) as RecordedKube2iam;
    const gone = { kube2iam: undefined, recorded };
    assert.deepEqual(codes(findings({}, gone)), [
      "blocks interface-unknown daemonset/kube-system/kube2iam",
    ]);
    assert.deepEqual(codes(findings({ kube2iam: { interface: "cni0" } }, gone)), []);
  });

  it("announces what becomes of a dangerous preStop hook, and blocks where it could not be disarmed", () => {
    const { kube2iam } = exampleFacts();
    assert.ok(kube2iam !== undefined);
    const hook = {
      container: "kube2iam",
      command: ["sh", "-c", "iptables-save | grep -v 169.254.169.254 | iptables-restore"],
      readOnlyRoot: false,
    };
    const having = (change: Partial<typeof hook>, stage: Stage = "agent") =>
      findings({ stage }, { kube2iam: { ...kube2iam, preStop: [{ ...hook, ...change }] } });
    const object = "prestop-hook daemonset/kube-system/kube2iam";
    assert.deepEqual(codes(having({}, "server")), []);
    assert.deepEqual(codes(having({})), [`informs ${object}`]);
    assert.match(having({})[0]?.fix ?? "", /OnDelete.*disarms it.*deployed from/);
    assert.deepEqual(codes(having({ readOnlyRoot: true })), [`blocks ${object}`]);
    const outside = having({
      command: ["nsenter", "-t", "1", "-n", "iptables", "-t", "nat", "-F"],
    });
    assert.deepEqual(codes(outside), [`blocks ${object}`]);
    assert.match(outside[0]?.fix ?? "", /nsenter.*one by one/);
  });

  it("wants kube2iam to be there, except where an earlier run retired it", () => {
    assert.deepEqual(
      codes(
        findings(
          { kiam: { region: "eu-west-1", roleBaseArn: "arn:aws:iam::123456789012:role/" } },
          { kube2iam: undefined },
        ),
      ),
      ["blocks kube2iam-missing daemonset/kube-system/kube2iam"],
    );
    const recorded = {
      port: 8181,
      interface: "cni0",
      baseRoleArn: "arn:aws:iam::123456789012:role/",
    };
    assert.deepEqual(codes(findings({}, { kube2iam: undefined, recorded })), []);
    assert.deepEqual(codes(findings({ stage: "cutover" }, { kube2iam: undefined, recorded })), [
      "informs kube2iam-missing daemonset/kube-system/kube2iam",
    ]);
  });

  it("wants workers that are Ready, with addresses and pinned host keys", () => {
    const nodes = [
      exampleMaster(),
      exampleMaster("master-2"),
      exampleNode("worker-1", "10.0.0.11", { ready: false }),
      exampleNode("worker-2", "10.0.0.12", { internalIp: undefined }),
      exampleNode("worker-9", "10.0.0.19"),
    ];
    assert.deepEqual(codes(findings({}, { nodes })), [
      "blocks host-key-unknown node/worker-9",
      "blocks worker-address-unknown node/worker-2",
      "blocks worker-not-ready node/worker-1",
    ]);
    assert.deepEqual(codes(findings({}, { nodes: [exampleMaster(), exampleMaster("master-2")] })), [
      "blocks no-worker cluster",
    ]);
  });

  it("counts no node of Fargate or Windows as a worker, and blocks settings that do", () => {
    const fargate = exampleNode("fargate-1", "10.0.0.20", {
      labels: { "eks.amazonaws.com/compute-type": "fargate", "kubernetes.io/os": "linux" },
    });
    const windows = exampleNode("windows-1", "10.0.0.21", {
      labels: { "kubernetes.io/os": "windows" },
    });
    const nodes = [...exampleFacts().nodes, fargate, windows];
    assert.deepEqual(codes(findings({}, { nodes })), []);
    const workers = {
      list: ["worker-1", "worker-2", "worker-3", "fargate-1"].map((name) => ({ name })),
    };
    const ssh = { privateKey: "k", acceptUnknownHosts: true };
    const unable = "blocks worker-cannot-run-agent node/fargate-1";
    assert.ok(codes(findings({ workers, ssh }, { nodes })).includes(unable));
    assert.ok(!codes(findings({ workers, ssh, stage: "server" }, { nodes })).includes(unable));
  });

  it("passes over a worker in workers.list that has left the cluster, and says so", () => {
    const list = (...names: string[]) => ({
      workers: { list: names.map((name) => ({ name })), canaries: [] },
    });
    const there = ["worker-1", "worker-2", "worker-3"];
    assert.deepEqual(codes(findings(list(...there, "worker-9"))), [
      "informs worker-not-listed-in-cluster node/worker-9",
    ]);
    assert.deepEqual(codes(findings(list(...there))), []);
  });

  it("does not let go of a worker that kiam serves", () => {
    const nodes = exampleFacts().nodes.map((node) =>
      node.name === "worker-3" ? { ...node, cutoverAnnotation: "{}" } : node,
    );
    const workers = { list: [{ name: "worker-1" }, { name: "worker-2" }], canaries: [] };
    assert.deepEqual(codes(findings({ workers }, { nodes })), [
      "blocks worker-left-out node/worker-3",
    ]);
    assert.deepEqual(codes(findings({ workers, stage: "server" }, { nodes })), []);
    // One that joined with an agent may have kiam's rule in front without ever having been moved.
    const joined = (inForce: "kiam" | "kube2iam") =>
      codes(
        findings(
          { workers, stage: "cutover" },
          {
            agents: ["worker-3"],
            rules: { "worker-3": { inForce, kube2iam: 1, kiamHealthy: true } },
          },
        ),
      );
    assert.ok(joined("kiam").includes("blocks worker-left-out node/worker-3"));
    assert.ok(!joined("kube2iam").includes("blocks worker-left-out node/worker-3"));
  });

  it("refuses with every blocking finding at once, each with why and fix", () => {
    const list = findings({ namespaces: {}, kiam: { region: "eu-west-1", serverTolerations: [] } });
    assert.throws(
      () => refuseBlocking(list),
      (error) =>
        error instanceof AuditError &&
        error.findings.length === 4 &&
        // Both masters lack the same toleration.
        (error.message.match(/fix:/g) ?? []).length === 3 &&
        /node\/master-1, node\/master-2: it has/.test(error.message) &&
        /The audit has 4 findings that block/.test(error.message),
    );
    assert.doesNotThrow(() => refuseBlocking(list.filter((each) => each.severity !== "blocks")));
  });
});
