import assert from "node:assert/strict";

import { parseSettings, SettingsError } from "../../../migration/settings/parse.js";
import { durationSeconds } from "../../../migration/settings/schema.js";
import { exampleSettings } from "../../support/exampleCluster.js";

/* Pure: what is a valid setting. Does not prove that a value fits a cluster; the audit does. */

function problemsOf(raw: unknown): Record<string, string> {
  try {
    parseSettings(raw);
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return Object.fromEntries(error.problems.map(({ property, rule }) => [property, rule]));
  }
  return {};
}

describe("settings", () => {
  it("fills in defaults that fit a kops cluster", () => {
    const settings = parseSettings({
      stage: "prepare",
      kiam: { region: "eu-west-1" },
      iam: { masterRoleName: "masters.example.com" },
    });
    assert.equal(settings.kube2iam.namespace, "kube-system");
    assert.equal(settings.kube2iam.port, undefined, "read from the live DaemonSet");
    assert.equal(settings.kiam.agentPort, 8881);
    assert.equal(settings.kiam.caHostPath, "/etc/ssl/certs");
    assert.deepEqual(
      settings.kiam.serverTolerations.map((toleration) => toleration.key),
      ["node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"],
    );
    assert.equal(settings.ssh.user, "ubuntu");
    assert.equal(settings.workers.waveSize, "25%");
    assert.deepEqual(settings.kiam.tls, { mode: "issued", validityDays: 365 });
  });

  it("accepts the example as it is", () => assert.deepEqual(problemsOf(exampleSettings()), {}));

  it("reports every problem at once, with property and rule", () => {
    const problems = problemsOf({
      ...exampleSettings(),
      stage: "later",
      kube2iam: { port: 99999, interface: "cni0; reboot" },
      kiam: { region: "eu-west-1", sessionDuration: "soon", image: "kiam && true", agentport: 1 },
      namespaces: { orders: { permitted: "*.*" } },
      workers: { selector: { a: "b" }, list: [{ name: "worker-1" }] },
    });
    assert.deepEqual(Object.keys(problems).sort(), [
      "kiam.agentport",
      "kiam.image",
      "kiam.sessionDuration",
      "kube2iam.interface",
      "kube2iam.port",
      "namespaces.orders.permitted",
      "stage",
      "workers",
    ]);
    assert.match(problems["kiam.agentport"] ?? "", /is not a setting/);
    assert.match(problems["namespaces.orders.permitted"] ?? "", /write \.\* for every role/);
    assert.match(problems.stage ?? "", /prepare, server, agent, cutover, retire/);
  });

  it("says everything that is missing as soon as nothing at all is set", () => {
    assert.deepEqual(Object.keys(problemsOf({})).sort(), ["iam.masterRoleName", "kiam", "stage"]);
    assert.equal(problemsOf({}).kiam, "is required");
    assert.deepEqual(problemsOf({ stage: "prepare", kiam: {}, iam: { masterRoleName: "m" } }), {
      "kiam.region": "is required",
    });
  });

  it("checks what settings mean together", () => {
    const same = problemsOf({
      ...exampleSettings(),
      kube2iam: { port: 8881 },
      workers: { selector: { a: "b" }, list: [{ name: "worker-1" }], canaries: ["worker-9"] },
      iam: { manage: true, trustWorkerRole: false, applicationRoles: [{ name: "x" }] },
      stage: "cutover",
      ssh: {},
      probe: {},
    });
    assert.deepEqual(Object.keys(same).sort(), [
      "iam.masterRoleName",
      "iam.trustWorkerRole",
      "iam.workerRoleName",
      "kiam.agentPort",
      "probe.role",
      "ssh",
      "workers",
      "workers.canaries",
    ]);
  });

  it("never prints a secret", () => {
    try {
      parseSettings({ ...exampleSettings(), ssh: { privateKey: 12345 } });
      assert.fail("a number is no key");
    } catch (error) {
      assert.doesNotMatch(String(error), /12345/);
      assert.match(String(error), /ssh\.privateKey/);
    }
  });

  it("bounds what becomes of connections to kube2iam, and how fast it goes", () => {
    const retirement = { waitSeconds: -1, closeIdleSeconds: 0, pace: "slowly" } as never;
    assert.deepEqual(problemsOf(exampleSettings({ retirement })), {
      "retirement.waitSeconds": "must be at least 0",
      "retirement.closeIdleSeconds": "must be at least 1",
      "retirement.pace": "must be one of worker, at-once",
    });
    const settings = parseSettings(exampleSettings());
    assert.deepEqual(settings.retirement, { waitSeconds: 300, then: "stop", pace: "worker" });
  });

  it("bounds session durations by what STS gives chained roles", () => {
    const withDuration = (sessionDuration: string) =>
      problemsOf({ ...exampleSettings(), kiam: { region: "eu-west-1", sessionDuration } });
    assert.deepEqual(withDuration("15m"), {});
    assert.deepEqual(withDuration("3600s"), {});
    assert.match(withDuration("2h")["kiam.sessionDuration"] ?? "", /at most one hour/);
    assert.match(withDuration("10m")["kiam.sessionDuration"] ?? "", /15m/);
    assert.equal(durationSeconds("90m"), 5400);
  });
});
