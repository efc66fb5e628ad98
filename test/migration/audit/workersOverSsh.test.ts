import assert from "node:assert/strict";

import type { SettingsInput } from "../../../migration/settings/schema.js";
import type { Stage } from "../../../migration/stages.js";
import type { LookFailure, WorkerLook } from "../../../migration/facts/workerLook.js";
import { exampleFacts, examplePod, exampleSettings } from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/* Pure: what a look at the workers means. test/cluster/facts/workersOverSsh.test.ts looks for real. */

const good: WorkerLook = {
  interfaces: ["lo", "eth0", "cni0"],
  listening: [{ port: 22, program: "sshd" }],
  natRules: [],
  inForce: "kube2iam",
  kube2iamRules: [],
  serversBlocked: [],
};

function seen(
  look: WorkerLook,
  stage: Stage = "cutover",
  settings: Partial<SettingsInput> = {},
  facts = exampleFacts(),
) {
  return findings(
    { stage, ...settings },
    { ...facts, overSsh: { "worker-1": look, "worker-2": good, "worker-3": good } },
  );
}

describe("audit of workers looked at over SSH", () => {
  it("finds nothing where all is well", () => assert.deepEqual(codes(seen(good)), []));

  it("says what kept it from a worker: a warning at first, and from stage cutover on it blocks", () => {
    for (const [failed, code] of [
      ["connect", "worker-unreachable"],
      ["host-key-command", "host-key-not-told"],
      ["login", "login-refused"],
      ["sudo", "sudo-refused"],
      ["iptables", "iptables-missing"],
      ["wrong-node", "worker-mistaken"],
      ["answer", "worker-answer-unclear"],
    ] as [LookFailure, string][]) {
      const look = { failed, message: "what it said" };
      const list = seen(look);
      assert.deepEqual(codes(list), [`blocks ${code} node/worker-1`]);
      assert.equal(list[0]?.seen, "what it said");
      assert.deepEqual(codes(seen(look, "agent")), [`warns ${code} node/worker-1`]);
    }
  });

  it("names what keeps a worker's rules from telling who answers", () => {
    const look: WorkerLook = { ...good, inForce: "unknown", unclear: "a chain of nft's own" };
    const list = seen(look);
    assert.deepEqual(codes(list), ["blocks rules-unclear node/worker-1"]);
    assert.equal(list[0]?.seen, "a chain of nft's own");
    assert.deepEqual(codes(seen(look, "agent")), ["warns rules-unclear node/worker-1"]);
    assert.deepEqual(codes(seen({ ...good, inForce: "unknown" })), []);
  });

  it("blocks another host key at every stage", () => {
    const look: WorkerLook = { failed: "host-key", message: "it presents another" };
    assert.deepEqual(codes(seen(look, "prepare")), ["blocks host-key-changed node/worker-1"]);
  });

  it("says before stage cutover whose host key is not known, where somebody looks", () => {
    const ssh = { ...exampleSettings().ssh, hostKeys: { "worker-1": "ssh-ed25519 AAAA1" } };
    assert.deepEqual(codes(seen(good, "agent", { ssh })), [
      "warns host-key-unknown node/worker-2",
      "warns host-key-unknown node/worker-3",
    ]);
    assert.deepEqual(codes(findings({ stage: "agent", ssh })), []);
  });
});

describe("audit of what workers show over SSH", () => {
  const kiam = { region: "eu-west-1" };

  it("names who listens on the agent's port, unless that is the agent", () => {
    const look = { ...good, listening: [{ port: 8881, program: "node_exporter" }] };
    const list = seen(look, "agent");
    assert.deepEqual(codes(list), ["blocks agent-port-in-use node/worker-1"]);
    assert.match(list[0]?.seen ?? "", /node_exporter .*8881/);
    assert.deepEqual(codes(seen(look, "server")), ["warns agent-port-in-use node/worker-1"]);

    const rules = {
      "worker-1": { inForce: "kube2iam", kube2iam: 1, kiamHealthy: true } as const,
    };
    assert.deepEqual(codes(seen(look, "agent", {}, exampleFacts({ rules }))), []);
    const agent = examplePod("kiam", "kiam-agent-abcde", { hostNetwork: true });
    assert.deepEqual(codes(seen(look, "agent", {}, exampleFacts({ pods: [agent] }))), []);
  });

  it("blocks an interface that is not there, once a pod would need it", () => {
    const look = { ...good, interfaces: ["lo", "eth0", "cali12345"] };
    const list = seen(look, "agent");
    assert.deepEqual(codes(list), ["blocks interface-missing node/worker-1"]);
    assert.match(list[0]?.seen ?? "", /cni0 fits .*eth0, cali12345/);
    assert.deepEqual(codes(seen(look, "server")), ["warns interface-missing node/worker-1"]);
    assert.deepEqual(codes(seen(look, "agent", {}, exampleFacts({ pods: [] }))), [
      "warns interface-missing node/worker-1",
    ]);
  });

  it("takes prefixes and negations as iptables does", () => {
    const look = { ...good, interfaces: ["lo", "eth0", "cali12345"] };
    const overSsh = { "worker-1": look };
    for (const [hostInterface, there] of [
      ["cali+", true],
      ["eni+", false],
      ["!eth0", true],
      ["!cali+", true],
    ] as const) {
      const list = codes(findings({ kiam: { ...kiam, hostInterface } }, { overSsh }));
      const missing = ["blocks interface-missing node/worker-1"];
      assert.deepEqual(list, there ? [] : missing, hostInterface);
    }
    const none = { ...good, interfaces: ["lo", "eth0"] };
    assert.deepEqual(codes(seen(none, "agent", { kiam: { ...kiam, hostInterface: "!eth0" } })), [
      "blocks interface-missing node/worker-1",
    ]);
  });

  it("names a server that workers cannot reach once, where the server is on the host's network", () => {
    const look = { ...good, serversBlocked: ["master-2"] };
    const settings = { kiam: { ...kiam, serverHostNetwork: true, serverPort: 8443 } };
    const list = seen(look, "agent", settings);
    assert.deepEqual(codes(list), ["blocks server-unreachable node/master-2"]);
    assert.match(list[0]?.seen ?? "", /10\.0\.0\.9:8443 .*worker-1/);
    assert.deepEqual(codes(seen(look, "server", settings)), [
      "warns server-unreachable node/master-2",
    ]);
    assert.deepEqual(codes(seen(good, "agent", settings)), []);
    assert.deepEqual(codes(seen(look, "agent")), []);
  });
});
