import assert from "node:assert/strict";

import { ClusterMigration } from "../../components/clusterMigration.js";
import { sshConnection } from "../../components/cutover/sshConnection.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { digest } from "../../migration/text/digest.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { situationOf } from "../../migration/situation/situation.js";
import { plannedWorkers } from "../../migration/plan/plan.js";
import { parseSettings } from "../../migration/settings/parse.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import { stages, type Stage } from "../../migration/stages.js";
import {
  exampleFacts,
  exampleSettings,
  roleBaseArn,
  exampleSituation,
} from "../support/exampleCluster.js";
import { migrationOutputs, rule, toldHostKey } from "../support/migrationOutputs.js";
import { MockEngine } from "../support/mockEngine.js";

/*
 * Proves which resources each stage declares, with which inputs, in which order. Does not prove
 * that a provider accepts them, nor that the engine keeps the order: test/engine does.
 * Each case changes one setting of the same migration: one file.
 */

const local = "command:local:Command";
const remote = "command:remote:Command";
const daemonSet = "kubernetes:apps/v1:DaemonSet";
const admission = "kubernetes:admissionregistration.k8s.io/v1";

async function declare(
  change: Partial<SettingsInput>,
  facts: Partial<ClusterFacts> = {},
): Promise<MockEngine> {
  const settings = parseSettings(exampleSettings(change));
  const plan = makePlan(situationOf(settings, exampleFacts(facts)));
  const engine = await MockEngine.start(migrationOutputs);
  await engine.run(() => new ClusterMigration("migration", { settings, plan }));
  return engine;
}

const atServer = ["kiam-tls", "kiam-server-cleared", "kiam-server-verified"];
const atAgent = [
  ...atServer,
  "kube2iam-prestop",
  "kiam-agent-cleared",
  "kiam-agent-verified",
  ...["worker-1", "worker-2", "worker-3"].map((worker) => `${worker}-shadow`),
  "fallback",
  "every-node-accounted",
];
const atCutover = [
  ...atAgent,
  ...["worker-1", "worker-2", "worker-3"].flatMap((worker) =>
    ["capture", "recheck", "live"].map((step) => `${worker}-cutover-${step}`),
  ),
  "worker-2-cutover-rehearsal-proof",
];
const gatesAt: Record<Stage, string[]> = {
  prepare: ["kiam-tls"],
  server: atServer,
  agent: atAgent,
  cutover: atCutover,
  retire: [
    ...atCutover,
    "kube2iam-retirement",
    "kube2iam-retirement-capture",
    "kube2iam-retirement-undo",
  ],
};

describe("ClusterMigration", () => {
  for (const stage of stages) {
    it(`declares at stage ${stage} exactly its gates, DaemonSets and commands on workers`, async () => {
      const engine = await declare({ stage });
      assert.deepEqual(engine.namesOf(local), [...gatesAt[stage]].sort());
      assert.deepEqual(
        engine.namesOf(daemonSet),
        [
          [],
          ["kiam-server"],
          ["kiam-agent", "kiam-server"],
          ["kiam-agent", "kiam-server"],
          ["kiam-agent", "kiam-server"],
        ][stages.indexOf(stage)],
      );
      const workers = ["worker-1", "worker-2", "worker-3"];
      assert.deepEqual(
        engine.namesOf(remote),
        stages.indexOf(stage) < 3
          ? []
          : workers
              .flatMap((name) => [
                ...(name === "worker-2"
                  ? ["rehearsal-removal", "rehearsal-restore"].map(
                      (each) => `${name}-cutover-${each}`,
                    )
                  : []),
                `${name}-cutover-removal`,
              ])
              .sort(),
      );
      assert.deepEqual(
        engine.namesOf("kubernetes:core/v1:NodePatch"),
        stages.indexOf(stage) < 2 ? [] : workers.map((name) => `${name}-anchor`),
      );
    });
  }

  it("keeps the order: each stage after the one before, canary first, waves one after the other", async () => {
    const engine = await declare({});
    const order = [
      "kubernetes:core/v1:NamespacePatch permitted-orders",
      `${daemonSet} kiam-server`,
      `${local} kiam-server-verified`,
      `${local} kube2iam-prestop`,
      `${daemonSet} kiam-agent`,
      `${local} kiam-agent-verified`,
      `${local} worker-3-shadow`,
      `${local} fallback`,
      // worker-2 is the canary.
      `${local} worker-2-cutover-capture`,
      `${local} worker-2-cutover-recheck`,
      `${remote} worker-2-cutover-removal`,
      `${remote} worker-2-cutover-rehearsal-restore`,
      `${local} worker-2-cutover-rehearsal-proof`,
      `${remote} worker-2-cutover-rehearsal-removal`,
      `${local} worker-2-cutover-live`,
      `${local} worker-1-cutover-recheck`,
      `${remote} worker-1-cutover-removal`,
      `${local} worker-1-cutover-live`,
      `${remote} worker-3-cutover-removal`,
      `${local} worker-3-cutover-live`,
      `${local} every-node-accounted`,
      `${local} kube2iam-retirement-capture`,
      `${local} kube2iam-retirement-undo`,
      `${local} kube2iam-retirement`,
    ];
    for (const [index, earlier] of order.entries()) {
      for (const later of order.slice(index + 1)) {
        assert.ok(engine.comesAfter(later, earlier), `${later} must come after ${earlier}`);
        assert.ok(!engine.comesAfter(earlier, later), `${earlier} must not come after ${later}`);
      }
    }
  });

  it("lets the workers of one wave move at the same time", async () => {
    const engine = await declare({ workers: { canaries: ["worker-2"], waveSize: "100%" } });
    const [a, b] = [`${remote} worker-1-cutover-removal`, `${remote} worker-3-cutover-removal`];
    assert.ok(!engine.comesAfter(a, b) && !engine.comesAfter(b, a));
  });

  it("makes the fallback wait for what stands for every worker", async () => {
    const engine = await declare({ stage: "agent" });
    for (const name of ["worker-1", "worker-2", "worker-3"]) {
      assert.ok(
        engine.comesAfter(`${local} fallback`, `kubernetes:core/v1:NodePatch ${name}-anchor`),
      );
    }
  });

  it("removes a worker's rule over SSH with its generation as plain input; nothing over SSH undoes it", async () => {
    const engine = await declare({});
    const { inputs } = engine.get(remote, "worker-2-cutover-removal");
    assert.match(
      String(inputs.create),
      /^sudo -n sh -s -- remove --system kube2iam --host-ip 10\.0\.0\.12 .*# generation [0-9a-f]{12}$/,
    );
    assert.equal(inputs.update, undefined, "without an update, new input runs create again");
    assert.equal(
      inputs.triggers,
      undefined,
      "a trigger would run the old delete after the new create",
    );
    for (const name of engine.namesOf(remote)) {
      const { inputs: each } = engine.get(remote, name);
      assert.equal(
        each.delete,
        undefined,
        `${name}: a node may have left or have another key then`,
      );
    }
  });

  it("puts the captured rule back through the API, on that very node", async () => {
    const engine = await declare({});
    const { inputs } = engine.get(local, "worker-2-cutover-recheck");
    assert.match(String(inputs.delete), / return-worker$/);
    const { worker, rules } = JSON.parse(String(inputs.stdin)) as {
      worker: object;
      rules: object[];
    };
    assert.deepEqual(worker, { name: "worker-2", uid: "uid-of-worker-2", hostIp: "10.0.0.12" });
    assert.deepEqual(rules, [{ backend: "nft", spec: rule }]);
    const capture = engine.get(local, "worker-2-cutover-capture").inputs;
    const { ssh } = JSON.parse(String(capture.stdin)) as { ssh?: unknown };
    assert.equal(ssh, undefined, "a rotated key captures nothing anew");
  });

  it("does not rehearse again by another way of access", async () => {
    const nodes = exampleFacts().nodes.map((node) =>
      node.name !== "worker-2"
        ? node
        : {
            ...node,
            cutoverAnnotation: JSON.stringify({
              generation: digest(["g"]),
              bootId: node.bootId,
              kube2iamPod: "kube2iam-on-worker-2",
              rehearsed: true,
            }),
          },
    );
    const rehearses = async (access: "ssh" | "exec") =>
      (await declare({ workers: { canaries: ["worker-2"], access } }, { nodes }))
        .namesOf(local)
        .includes("worker-2-cutover-rehearsal-proof");
    assert.equal(await rehearses("ssh"), true);
    assert.equal(await rehearses("exec"), false);
  });

  for (const [what, change, settings] of [
    ["not Ready", { ready: false }, {}],
    ["without an IPv4 address", { internalIp: undefined }, {}],
    [
      "without an address for SSH",
      {},
      { workers: { canaries: ["worker-2"], addressType: "ExternalIP" } },
    ],
  ] as const) {
    it(`leaves everything of a moved worker as it is while it cannot be reached: ${what}`, async () => {
      const nodes = exampleFacts().nodes.map((node) => ({
        ...node,
        ...(node.name === "worker-2" ? change : { externalIp: "192.0.2.7" }),
        cutoverAnnotation: JSON.stringify({
          generation: digest(["g"]),
          bootId: node.bootId,
          kube2iamPod: `kube2iam-on-${node.name}`,
          ...(node.name === "worker-2" ? { rehearsed: true } : {}),
        }),
      }));
      const recorded = { port: 8181, interface: "cni0", baseRoleArn: roleBaseArn };
      const engine = await declare(
        { stage: "retire", retirement: { then: "proceed" }, ...settings } as Partial<SettingsInput>,
        { nodes, kube2iam: undefined, recorded },
      );
      for (const [type, name] of [
        [local, "worker-2-shadow"],
        [local, "worker-2-cutover-capture"],
        [local, "worker-2-cutover-recheck"],
        [remote, "worker-2-cutover-removal"],
        [remote, "worker-2-cutover-rehearsal-restore"],
        [local, "worker-2-cutover-live"],
      ] as const) {
        assert.ok(engine.options(type, name).ignoreChanges?.includes("stdin"), name);
      }
      assert.equal(engine.options(local, "worker-1-cutover-live").ignoreChanges, undefined);
      // Asked for only now, it is in no state in which it could be left as it is.
      assert.deepEqual(
        engine.namesOf(remote).filter((name) => name.endsWith("-retirement-drain")),
        ["worker-1-retirement-drain", "worker-3-retirement-drain"],
      );
      for (const name of engine.namesOf(remote).filter((each) => each.startsWith("worker-2"))) {
        const { create, connection } = engine.get(remote, name).inputs as {
          create: string;
          connection: { value?: { host: string }; host?: string };
        };
        const host = (connection.value ?? connection).host;
        // Where it is not in the state, it has to fail rather than act on a guess.
        assert.match(
          `${host} ${create}`,
          what === "not Ready"
            ? /^10\.0\.0\.12 sudo/
            : what === "without an IPv4 address"
              ? /\.invalid exit 1( #.*)?$/
              : /\.invalid sudo/,
        );
      }
    });
  }

  describe("on the way back", () => {
    const moved = (names: string[], more: Record<string, string> = {}) =>
      exampleFacts().nodes.map((node) => ({
        ...node,
        cutoverAnnotation: names.includes(node.name)
          ? JSON.stringify({
              generation: digest(["g"]),
              bootId: node.bootId,
              kube2iamPod: `kube2iam-on-${node.name}`,
            })
          : more[node.name],
      }));
    const agents = ["worker-1", "worker-2", "worker-3"];
    const asksKiam = /probe-shadow|recheck-worker|probe-live|verify-(server|agent)$/;

    /** Names of the gates that this declares and that an update would run, were they not in the state, or changed. */
    const asking = (engine: MockEngine) =>
      engine
        .namesOf(local)
        .filter((name) => asksKiam.test(String(engine.get(local, name).inputs.create)))
        .filter((name) => !engine.options(local, name).ignoreChanges?.includes("stdin"));

    it("runs nothing that asks kiam before the workers go back", async () => {
      const owed = JSON.stringify({ returnOwed: "2026-01-01T00:00:00.000Z" });
      const nodes = moved(["worker-1"], { "worker-2": owed });
      const engine = await declare({ stage: "agent" }, { nodes, agents });
      assert.deepEqual(asking(engine), []);
      const declared = engine.namesOf(local);
      assert.ok(declared.includes("worker-1-shadow"), "it stays in the state as it is");
      // Not in the state after an update that found the worker not Ready, it would run.
      assert.ok(!declared.includes("worker-2-shadow"));
      assert.ok(!declared.includes("worker-3-shadow"));
      assert.match(String(engine.get(local, "worker-2-return").inputs.create), / return-worker$/);
      for (const name of ["kube2iam-prestop", "fallback", "every-node-accounted"]) {
        assert.ok(engine.options(local, name).ignoreChanges?.includes("stdin"), name);
      }
    });

    it("from retire moves nobody before kube2iam is back", async () => {
      const recorded = { port: 8181, interface: "cni0", baseRoleArn: roleBaseArn };
      const nodes = moved(["worker-1", "worker-2"]);
      const retired = { nodes, agents, kube2iam: undefined, recorded };
      const engine = await declare({ stage: "cutover" }, retired);
      assert.deepEqual(asking(engine), []);
      const of = (worker: string) =>
        engine.namesOf(local).filter((name) => name.startsWith(worker));
      assert.deepEqual(of("worker-3"), []);
      assert.ok(of("worker-1").includes("worker-1-cutover-recheck"), "its deletion is a way back");
      assert.deepEqual(engine.namesOf(remote), [
        "worker-1-cutover-removal",
        "worker-2-cutover-removal",
      ]);
      for (const name of engine.namesOf(remote)) {
        assert.ok(engine.options(remote, name).ignoreChanges?.includes("connection"), name);
      }
    });

    it("to before the agents asks kiam's server nothing, either", async () => {
      const engine = await declare({ stage: "server" }, { agents });
      assert.deepEqual(asking(engine), []);
      assert.ok(asking(await declare({ stage: "server" })).includes("kiam-server-verified"));
    });
  });

  it("needs no SSH at all with workers.access: exec", async () => {
    const engine = await declare({ workers: { canaries: ["worker-2"], access: "exec" }, ssh: {} });
    assert.deepEqual(engine.namesOf(remote), []);
    const create = (name: string) => String(engine.get(local, name).inputs.create);
    assert.match(create("worker-2-cutover-removal"), / remove-rule$/);
    assert.match(create("worker-2-cutover-rehearsal-restore"), / restore-rule$/);
    assert.match(create("worker-2-cutover-rehearsal-removal"), / remove-rule$/);
    const order = ["recheck", "removal", "rehearsal-restore", "rehearsal-proof"]
      .concat("rehearsal-removal", "live")
      .map((step) => `${local} worker-2-cutover-${step}`);
    for (const [index, later] of order.slice(1).entries()) {
      assert.ok(
        engine.comesAfter(later, order[index]!),
        `${later} must come after ${order[index]}`,
      );
    }
  });

  it("never rehearses again: no change of script, rules or connection runs it a second time", async () => {
    const engine = await declare({});
    for (const [type, name] of [
      [remote, "worker-2-cutover-rehearsal-restore"],
      [local, "worker-2-cutover-rehearsal-proof"],
      [remote, "worker-2-cutover-rehearsal-removal"],
    ] as const) {
      assert.deepEqual(engine.options(type, name).ignoreChanges, [
        "create",
        "stdin",
        "connection",
        "dir",
      ]);
      assert.equal(engine.get(type, name).inputs.delete, undefined);
    }
  });

  it("keeps kube2iam off new nodes after the last wave and before its retirement, where asked to", async () => {
    for (const by of ["taint", "label"] as const) {
      const engine = await declare({ newNodes: { keepKube2iamOff: by } });
      const { inputs } = engine.get(local, "new-nodes");
      assert.match(String(inputs.create), / keep-kube2iam-off$/);
      assert.match(String(inputs.delete), / let-kube2iam-on$/);
      assert.equal((JSON.parse(String(inputs.stdin)) as { by: string }).by, by);
      assert.ok(engine.comesAfter(`${local} new-nodes`, `${local} worker-3-cutover-live`));
      assert.ok(engine.comesAfter(`${local} kube2iam-retirement`, `${local} new-nodes`));
      assert.ok(engine.comesAfter(`${local} kube2iam-retirement-capture`, `${local} new-nodes`));
    }
    const early = await declare({ stage: "agent", newNodes: { keepKube2iamOff: "label" } });
    assert.ok(!early.namesOf(local).includes("new-nodes"));
  });

  it("clears the startup taint beside kiam's server, from stage agent on, where asked to", async () => {
    const deployment = "kubernetes:apps/v1:Deployment";
    const newNodes = { startupTaint: true, kubectlImage: "registry.example/kubectl:1" };
    assert.deepEqual((await declare({})).namesOf(deployment), []);
    assert.deepEqual((await declare({ stage: "server", newNodes })).namesOf(deployment), []);
    const engine = await declare({ stage: "agent", newNodes });
    assert.ok(engine.comesAfter(`${deployment} startup-taint`, `${local} kiam-agent-verified`));
    assert.ok(!engine.comesAfter(`${local} worker-1-shadow`, `${deployment} startup-taint`));
    const template = (type: string, name: string) =>
      (
        engine.get(type, name).inputs as {
          spec: { template: { spec: Record<string, unknown>; metadata: unknown } };
        }
      ).spec.template;
    const { spec, metadata } = template(deployment, "startup-taint");
    const server = template(daemonSet, "kiam-server").spec;
    assert.deepEqual([spec.affinity, spec.tolerations], [server.affinity, server.tolerations]);
    const [container] = spec.containers as { image: string; command: string[] }[];
    assert.equal(container?.image, "registry.example/kubectl:1");
    assert.deepEqual(container.command.slice(2), [
      "watch",
      "kiam",
      "app.kubernetes.io/name=kiam,app.kubernetes.io/component=agent",
      "kube2iam-to-kiam/agent-not-ready",
    ]);
    assert.match(JSON.stringify(metadata), /"kube2iam-to-kiam\/script":"[0-9a-f]{16}"/);
    const rules = (kind: string) =>
      engine.get(`kubernetes:rbac.authorization.k8s.io/v1:${kind}`, "startup-taint").inputs.rules;
    const only = (resource: string, ...verbs: string[]) => [
      { apiGroups: [""], resources: [resource], verbs },
    ];
    assert.deepEqual(rules("ClusterRole"), only("nodes", "get", "list", "patch"));
    assert.deepEqual(rules("Role"), only("pods", "get", "list"));
    const binding = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding startup-taint";
    const confinement = `${admission}:ValidatingAdmissionPolicyBinding startup-taint`;
    assert.ok(engine.comesAfter(binding, confinement), "it may nothing before it is confined");
    const older = await declare({ stage: "agent", newNodes }, { admissionPolicies: false });
    assert.deepEqual(older.namesOf(`${admission}:ValidatingAdmissionPolicy`), []);
    assert.deepEqual(older.namesOf(deployment), ["startup-taint"]);
  });

  it("pins the host key and bounds every attempt", async () => {
    const engine = await declare({});
    const { connection } = engine.get(remote, "worker-1-cutover-removal").inputs as {
      connection: Record<string, unknown>;
    };
    const plain = (connection as { value?: Record<string, unknown> }).value ?? connection;
    assert.equal(plain.host, "10.0.0.11");
    assert.equal(plain.hostKey, "ssh-ed25519 AAAA1");
    assert.equal(plain.dialErrorLimit, 5);
    assert.equal(plain.perDialTimeout, 15);
  });

  it("tells what clears after the agents which nodes had one, and how to ask who answers", async () => {
    const list = [{ name: "worker-1", address: "192.0.2.1" }];
    const engine = await declare({ stage: "agent", workers: { list } });
    const { inputs } = engine.get(local, "kiam-agent-cleared");
    assert.match(String(inputs.delete), / clear-agent$/);
    const { probe, selection } = JSON.parse(String(inputs.stdin)) as Record<string, object>;
    assert.deepEqual(selection, { workers: { list: [{ name: "worker-1" }] }, kiam: {} });
    assert.ok("role" in probe!);
  });

  it("asks once for each host key that the settings lack, and pins it wherever it logs in", async () => {
    const ssh = {
      privateKey: "k",
      hostKeys: { "worker-1": "ssh-ed25519 AAAA1" },
      hostKeyCommand: ["host-key", "--of", "node"] as [string, ...string[]],
    };
    const providerId = "aws:///eu-west-1a/i-0123456789abcdef0";
    const nodes = exampleFacts().nodes.map((node) =>
      node.name === "worker-2" ? { ...node, providerId } : node,
    );
    const engine = await declare({ ssh, retirement: { closeIdleSeconds: 20 } }, { nodes });
    const gates = ["worker-2-cutover-host-key", "worker-3-cutover-host-key"];
    assert.deepEqual(
      engine.namesOf(local).filter((name) => name.endsWith("host-key")),
      gates,
    );
    const { create, stdin, ...others } = engine.get(local, gates[0]!).inputs;
    assert.match(String(create), / ask-host-key$/);
    assert.equal(others.delete, undefined);
    // These make it run again: nothing that another update, or a later version, may change.
    assert.deepEqual(JSON.parse(String(stdin)), {
      command: ["host-key", "--of", "node"],
      worker: { name: "worker-2", uid: "uid-of-worker-2", providerId, address: "10.0.0.12" },
    });
    const { worker } = JSON.parse(String(engine.get(local, gates[1]!).inputs.stdin)) as {
      worker: object;
    };
    assert.ok(!("providerId" in worker), "it names no EC2 instance");
    assert.ok(engine.options(local, gates[0]!).deletedWith !== undefined);
    assert.ok(engine.comesAfter(`${local} worker-2-cutover-recheck`, `${local} ${gates[0]}`));

    const pinned = Object.fromEntries(
      engine.namesOf(remote).map((name) => {
        const { connection } = engine.get(remote, name).inputs as {
          connection: { value?: Record<string, unknown> } & Record<string, unknown>;
        };
        return [name, (connection.value ?? connection).hostKey];
      }),
    );
    const told = (worker: string, ...steps: string[]) =>
      steps.map((step) => [`${worker}-${step}`, toldHostKey(worker)]);
    assert.deepEqual(
      pinned,
      Object.fromEntries([
        ["worker-1-cutover-removal", "ssh-ed25519 AAAA1"],
        ["worker-1-retirement-drain", "ssh-ed25519 AAAA1"],
        ...told("worker-2", "cutover-removal", "retirement-drain"),
        ...told("worker-2", "cutover-rehearsal-restore", "cutover-rehearsal-removal"),
        ...told("worker-3", "cutover-removal", "retirement-drain"),
      ]),
    );
  });

  it("connects to no worker whose host key is not known, unless any host is accepted", () => {
    const settings = parseSettings(exampleSettings({ ssh: { privateKey: "k" } }));
    const { ssh } = settings;
    const [worker] = plannedWorkers(makePlan(exampleSituation()));
    assert.throws(() => sshConnection(ssh, worker!, undefined), /worker-2 has no SSH host key/);
    const accepting = sshConnection({ ...ssh, acceptUnknownHosts: true }, worker!, undefined);
    assert.equal(accepting.hostKey, undefined);
  });

  it("runs the agent on every worker, beside kube2iam, and never lets it take its rule away", async () => {
    const engine = await declare({ stage: "agent" });
    const { spec } = engine.get(daemonSet, "kiam-agent").inputs as {
      spec: {
        template: {
          spec: {
            hostNetwork: boolean;
            tolerations: unknown;
            containers: { args: string[] }[];
            affinity: unknown;
          };
        };
      };
    };
    const pod = spec.template.spec;
    const flags = pod.containers[0]?.args ?? [];
    assert.equal(pod.hostNetwork, true);
    assert.deepEqual(pod.tolerations, [{ operator: "Exists" }]);
    for (const flag of [
      "--iptables",
      "--no-iptables-remove",
      "--host-interface=cni0",
      "--port=8881",
      "--server-address=kiam-server:443",
    ]) {
      assert.ok(flags.includes(flag), `${flag} in ${flags.join(" ")}`);
    }
    assert.match(
      JSON.stringify(pod.affinity),
      /node-role\.kubernetes\.io\/master.*DoesNotExist.*control-plane.*DoesNotExist/,
    );
    // As migration/situation/nodeSelection.ts counts the workers, or an update waits for agents in vain.
    assert.match(JSON.stringify(pod.affinity), /compute-type.*NotIn.*fargate.*os.*NotIn.*windows/);
  });

  it("declares no network of the host for the server but where it is set, so that a refresh finds no difference", async () => {
    const networkOf = async (serverHostNetwork: boolean) => {
      const kiam = { region: "eu-west-1", serverHostNetwork };
      const { inputs } = (await declare({ stage: "server", kiam })).get(daemonSet, "kiam-server");
      const { spec } = inputs as { spec: { template: { spec: { hostNetwork?: boolean } } } };
      return spec.template.spec.hostNetwork;
    };
    assert.equal(await networkOf(true), true);
    // The API server does not keep a false.
    assert.equal(await networkOf(false), undefined);
  });

  it("gives kiam's containers the capabilities that they need, and nothing to write to", async () => {
    const confinementOf = async (kiam: Partial<SettingsInput["kiam"]>) => {
      const engine = await declare({ stage: "agent", kiam: { region: "eu-west-1", ...kiam } });
      return ["kiam-server", "kiam-agent"].map((name) => {
        const { spec } = engine.get(daemonSet, name).inputs as {
          spec: { template: { spec: { containers: { securityContext: unknown }[] } } };
        };
        const { containers } = spec.template.spec;
        assert.equal(containers.length, 1);
        return containers[0]?.securityContext;
      });
    };
    const confined = (...add: string[]) => ({
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"], ...(add.length === 0 ? {} : { add }) },
      seccompProfile: { type: "RuntimeDefault" },
    });
    assert.deepEqual(await confinementOf({}), [
      confined("NET_BIND_SERVICE"),
      confined("NET_ADMIN", "NET_RAW"),
    ]);
    assert.deepEqual(await confinementOf({ serverPort: 8443, agentPort: 881 }), [
      confined(),
      confined("NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE"),
    ]);
  });

  it("chains master role → kiam-server role → application roles, and keeps the workers' trust", async () => {
    const engine = await declare({ stage: "prepare" });
    const policy = (name: string) =>
      String(engine.get("aws:iam/rolePolicy:RolePolicy", name).inputs.policy);
    assert.match(
      policy("iam-server-assumes"),
      /"sts:AssumeRole","Resource":\["arn:aws:iam::123456789012:role\/\*"\]/,
    );
    assert.match(
      policy("iam-master-assumes"),
      /"Resource":\["arn:aws:iam::123456789012:role\/kiam-server"\]/,
    );
    assert.match(policy("iam-worker-assumes"), /role\/kiam-probe/);
    const trust = (name: string) =>
      String(engine.get("aws:iam/role:Role", name).inputs.assumeRolePolicy);
    assert.match(trust("iam-server"), /role\/masters\.example\.com/);
    assert.match(
      trust("iam-kiam-probe"),
      /role\/kiam-server","arn:aws:iam::123456789012:role\/nodes\.example\.com/,
    );
  });

  it("drops the workers' trust only when told to", async () => {
    const iam = { ...exampleSettings().iam, trustWorkerRole: false };
    const engine = await declare({ iam });
    assert.doesNotMatch(
      String(engine.get("aws:iam/role:Role", "iam-kiam-probe").inputs.assumeRolePolicy),
      /nodes\.example/,
    );
  });

  it("creates no server role where IAM is managed elsewhere", async () => {
    const serverRoleArn = `${roleBaseArn}own-kiam-server`;
    const engine = await declare({ stage: "server", iam: { manage: false, serverRoleArn } });
    assert.deepEqual(engine.namesOf("aws:iam/role:Role"), []);
    assert.match(
      JSON.stringify(engine.get(daemonSet, "kiam-server").inputs),
      /--assume-role-arn=arn:aws:iam::123456789012:role\/own-kiam-server/,
    );
  });

  it("issues certificates once, whatever changes in the command that made them", async () => {
    const engine = await declare({ stage: "server" });
    assert.deepEqual(engine.options(local, "kiam-tls").ignoreChanges, ["create", "stdin", "dir"]);
  });

  it("takes Secrets that exist instead of issuing certificates", async () => {
    const engine = await declare({
      stage: "server",
      kiam: {
        region: "eu-west-1",
        tls: { mode: "secrets", serverSecret: "mine", agentSecret: "mine-too" },
      },
    });
    assert.deepEqual(engine.namesOf("kubernetes:core/v1:Secret"), []);
    assert.match(
      JSON.stringify(engine.get(daemonSet, "kiam-server").inputs),
      /"secretName":"mine"/,
    );
  });

  it("asks cert-manager for certificates that name the server, where told to", async () => {
    const engine = await declare({
      stage: "server",
      kiam: {
        region: "eu-west-1",
        tls: { mode: "cert-manager", issuer: { name: "internal" } },
      },
    });
    assert.deepEqual(engine.namesOf("kubernetes:core/v1:Secret"), []);
    const { inputs } = engine.get("kubernetes:cert-manager.io/v1:Certificate", "kiam-tls-server");
    const { spec } = inputs as {
      spec: { secretName: string; dnsNames: string[]; issuerRef: object };
    };
    assert.equal(spec.secretName, "kiam-server-tls");
    assert.deepEqual(spec.dnsNames, ["kiam-server", "kiam-server:443", "localhost"]);
    assert.deepEqual(spec.issuerRef, { name: "internal", kind: "ClusterIssuer" });
  });
});
