import assert from "node:assert/strict";

import fc from "fast-check";

import { gateTarget } from "../../../migration/situation/target.js";
import { gateSchemas, type GateVerb } from "../../../gates/protocol/inputs.js";
import { iamChain } from "../../../migration/iam/chain.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { situationOf } from "../../../migration/situation/situation.js";
import { plannedWorkers } from "../../../migration/plan/plan.js";
import { parseSettings, SettingsError } from "../../../migration/settings/parse.js";
import type { Settings, SettingsInput } from "../../../migration/settings/schema.js";
import { bootGuardScript } from "../../../worker/bootGuard/bootGuard.js";
import { ruleArguments } from "../../../worker/rules/script.js";
import { exampleFacts, exampleNode, exampleSettings } from "../../support/exampleCluster.js";

/*
 * What the settings accept, the gates and scripts that are handed it accept as well: a preview that
 * passes is not followed by an update that fails for the form of a setting.
 *
 * Pure. Does not prove that components hand on these fields and no others, nor that the shell
 * agrees with the TypeScript that calls it (test/worker/rules/frame/arguments.test.ts).
 */

/** Hands on everything that goes from the settings to a gate or a script, as components do. */
function handOn(settings: Settings): void {
  const { list } = settings.workers;
  const example = exampleFacts();
  const workers = (list ?? []).map(({ name }, at) => exampleNode(name, `10.0.1.${at + 1}`));
  const nodes = [...example.nodes, ...workers].map((node) => ({
    ...node,
    labels: { ...node.labels, ...settings.workers.selector },
  }));
  const facts = { ...example, nodes };
  const plan = makePlan(situationOf(settings, facts));
  const target = gateTarget(settings, plan.kube2iam);
  const { probe } = plan;
  const asked = (verb: GateVerb, input: object) => {
    const checked = gateSchemas[verb].input.safeParse(input);
    assert.ok(checked.success, `${verb}: ${checked.error?.message}`);
  };

  const { namespace } = settings.kiam;
  const selection = {
    workers: settings.workers,
    kiam: { serverNodeSelector: settings.kiam.serverNodeSelector },
  };
  asked("clear-agent", { target, probe, daemonSet: { namespace, name: "agent" }, selection });
  asked("verify-server", {
    target,
    servers: plan.servers,
    iam: {
      serverRoleArn: iamChain(settings, facts)?.serverRoleArn,
      masterRoleName: settings.iam.masterRoleName,
      region: settings.kiam.region,
    },
    roles: probe === undefined ? [] : [probe.roleArn],
    roleBaseArn: plan.roleBaseArn,
    caHostPath: settings.kiam.caHostPath,
  });
  const tls = settings.kiam.tls.mode === "issued" ? settings.kiam.tls : undefined;
  if (tls !== undefined) {
    asked("issue-certificates", { serverNames: ["x"], validityDays: tls.validityDays });
  }
  const { pace, waitSeconds, closeIdleSeconds, then } = settings.retirement;
  asked("retire-kube2iam", {
    target,
    probe,
    outside: plan.outside,
    manifest: { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "kube2iam" } },
    pace,
    connections: { waitSeconds, then },
  });
  bootGuardScript({ interface: plan.agentInterface, agentPort: settings.kiam.agentPort });

  assert.ok(plannedWorkers(plan).length > 0);
  for (const { name, uid, hostIp = "", address, generation } of plannedWorkers(plan)) {
    const cutover = { target, worker: { name, uid, hostIp }, probe, rules: [], generation };
    asked("probe-live", cutover);
    if (settings.ssh.hostKeyCommand !== undefined) {
      const worker = { name, uid, address };
      asked("ask-host-key", { command: settings.ssh.hostKeyCommand, worker });
    }
    const flags = {
      hostIp,
      kube2iamPort: plan.kube2iam.port,
      kiamPort: settings.kiam.agentPort,
      interface: plan.kube2iam.interface,
      kiamInterface: plan.agentInterface,
    };
    ruleArguments("remove", { ...flags, system: "kube2iam" });
    ruleArguments("drain", { ...flags, idle: closeIdleSeconds, wait: waitSeconds });
  }
}

/** Characters that some grammar here has, beside those that none has. */
const odd = [..."aZ09-._+=,@/:!*[]$ '\"\\{}~é", "\n", "\t", "\0", "role/", "--", "..", "//"];

/**
 * Texts near the edge of a grammar: one of these, with a few characters put in, out or in place of
 * others, and as long as these and one more.
 */
function near(texts: readonly string[], lengths: readonly number[] = []): fc.Arbitrary<string> {
  const edit = fc.tuple(fc.constantFrom("in", "out", "instead", "end"), fc.nat(99), fc.nat(99));
  const long = fc.constantFrom(0, 0, ...lengths.flatMap((each) => [each, each + 1]));
  return fc
    .tuple(fc.constantFrom(...texts), fc.array(edit, { maxLength: 2 }), long)
    .map(([text, edits, length]) => {
      let edited = text;
      for (const [how, where, which] of edits) {
        const at = how === "end" ? edited.length : where % (edited.length + 1);
        const character = odd[which % odd.length] ?? "";
        edited =
          edited.slice(0, at) +
          (how === "out" ? "" : character) +
          edited.slice(how === "out" || how === "instead" ? at + 1 : at);
      }
      const missing = length - edited.length;
      // In the middle: both ends stay as they are.
      return missing > 0 ? `${edited.slice(0, 1)}${"a".repeat(missing)}${edited.slice(1)}` : edited;
    });
}

const names = near(["worker-1", "a", "ip-10-0-0-1.eu-west-1.compute.internal"], [63, 253]);
const ports = fc.oneof(
  fc.integer({ min: -1, max: 65537 }),
  fc.constantFrom(0, 1, 65535, 65536, 8.5),
);
const interfaces = near(["cni0", "cali+", "!eth0", "+", "!eth+"], [15, 16]);
const roleNames = near(["kiam-server", "a"], [64]);
const rolePaths = near(["/", "/teams/", "/a/b/"]);
const arns = near([
  "arn:aws:iam::123456789012:role/app",
  "arn:aws-cn:iam::123456789012:role/teams/app",
]);
const images = near(["quay.io/uswitch/kiam:v4.2", "kiam@sha256:0123", "a.b:5000/c"]);
const labels = fc.oneof(
  near(["role", "kops.k8s.io/instancegroup", "a"], [63]).map((key) => ({ [key]: "nodes" })),
  near(["", "nodes", "a"], [63]).map((value) => ({ group: value })),
);
const seconds = (most: number) =>
  fc.oneof(fc.integer({ min: -1, max: 12 }), fc.integer({ min: most - 2, max: most + 2 }));

/** Settings by their dotted path, with values near the edge of what they take. */
const fields: Record<string, fc.Arbitrary<unknown>> = {
  "kube2iam.namespace": names,
  "kube2iam.daemonSet": names,
  "kube2iam.port": ports,
  "kube2iam.interface": interfaces,
  "kiam.namespace": names,
  "kiam.agentPort": ports,
  "kiam.serverPort": ports,
  "kiam.hostInterface": interfaces,
  "kiam.image": images,
  "kiam.caHostPath": near(["/etc/ssl/certs", "/"]),
  "kiam.region": near(["eu-west-1", "us-gov-east-1"]),
  "kiam.roleBaseArn": near([
    "arn:aws:iam::123456789012:role/",
    "arn:aws:iam::123456789012:role/k8s/",
  ]),
  "kiam.serverNodeSelector": labels,
  "kiam.tls": fc.record({ mode: fc.constant("issued"), validityDays: seconds(3650) }),
  "iam.serverRoleName": roleNames,
  "iam.serverRolePath": rolePaths,
  "iam.serverRoleArn": arns,
  "iam.masterRoleName": roleNames,
  "ssh.hostKeyCommand": fc.oneof(
    fc.array(near(["print-host-key", "/usr/bin/print", "./print", "--region", ""]), {
      maxLength: 3,
    }),
  ),
  "workers.selector": labels,
  "workers.list": fc.array(
    fc.record(
      { name: names, address: near(["10.0.0.1", "::1", "worker-1.example.com"], [253]) },
      { requiredKeys: ["name"] },
    ),
    { minLength: 1, maxLength: 2 },
  ),
  "workers.canaries": fc.array(names, { maxLength: 2 }),
  "probe.role": near([
    "kiam-probe",
    "teams/kiam-probe",
    "arn:aws:iam::123456789012:role/kiam-probe",
  ]),
  "probe.image": images,
  "probe.namespace": names,
  "probe.timeoutSeconds": seconds(3600),
  "retirement.waitSeconds": seconds(86_400),
  "retirement.closeIdleSeconds": seconds(3600),
  "audit.acknowledged": near(["node/worker-1", "node/worker-1", "worker-1", "cluster"]).map(
    (object) => [{ code: "node-outside-workers", object, reason: "no pods there" }],
  ),
};

/** The example with this setting, and what it needs beside itself. */
function settingsWith(property: string, value: unknown): unknown {
  const [section = "", key = ""] = property.split(".");
  const example: SettingsInput = exampleSettings({
    ...(property === "workers.list" || property === "workers.selector" ? { workers: {} } : {}),
    ...(property === "iam.serverRoleArn" ? { iam: { manage: false } } : {}),
    retirement: { closeIdleSeconds: 60 },
  });
  const others = (example as unknown as Record<string, object | undefined>)[section];
  return { ...example, [section]: { ...others, [key]: value } };
}

describe("what the settings accept passes gates and scripts", () => {
  for (const [property, values] of Object.entries(fields)) {
    it(property, () => {
      let accepted = 0;
      let refused = 0;
      fc.assert(
        fc.property(values, (value) => {
          let settings: Settings;
          try {
            settings = parseSettings(settingsWith(property, value));
          } catch (error) {
            assert.ok(error instanceof SettingsError, String(error));
            refused += 1;
            return;
          }
          accepted += 1;
          handOn(settings);
        }),
        { numRuns: 150 },
      );
      assert.ok(accepted > 10 && refused > 2, `${accepted} accepted, ${refused} refused`);
    });
  }
});
