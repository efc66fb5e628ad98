import assert from "node:assert/strict";

import { issueCertificates } from "../../gates/kiam/issueCertificates.js";
import { kube2iam, podsReady, sh } from "../../lab/disturb.js";
import { fault } from "./fault.js";
import { kubectl } from "./onWorker.js";
import type { Session } from "./session.js";

/*
 * Faults that have to be found, or made harmless, before an agent's rule is there. Do not prove
 * anything about official kiam and kube2iam where stand-ins run.
 */

fault("clock skew of a certificate", {
  at: "prepare",
  leaves: "server",
  run: async (lab) => {
    await skewedSecrets(lab);
    const kiam = {
      tls: { mode: "secrets", serverSecret: "skewed", agentSecret: "skewed" } as const,
    };
    const { failure, steps } = await lab.move("cutover", { kiam });
    assert.match(failure, /not yet valid/);
    assert.ok(!steps.includes("DaemonSet kiam-agent"), "no agent was installed");
    await lab.assertRules("prepare");
    await lab.mustReach("server");
    return "the server's gate stopped the update: certificate has expired or is not yet valid; no agent was installed";
  },
});

fault("wrong host interface", {
  at: "server",
  run: async (lab) => {
    const { failure, steps } = await lab.move("cutover", { kiam: { hostInterface: "docker0" } });
    assert.match(failure, /docker0/);
    assert.match(failure, /cni0/);
    assert.ok(!steps.includes("over SSH: worker-1-cutover-removal"));
    const rules = await lab.rules();
    for (const [worker, systems] of Object.entries(rules)) {
      assert.match(systems, /^kube2iam/, `${worker} is still on kube2iam`);
    }
    // The agent leaves the rule it wrote: going back below its stage takes it away.
    await lab.mustReach("server");
    return "stopped before any removal, naming both interfaces; nobody was moved";
  },
});

fault("kube2iam's DaemonSet with the preStop hook that deletes every rule", {
  at: "server",
  leaves: "cutover",
  setUp: async (lab) => {
    const hook = `eval \`iptables-save | grep 169.254.169.254 | sed s/-A/'iptables -t nat -D'/g\``;
    await setPreStop(lab, { exec: { command: ["/bin/sh", "-c", hook] } });
  },
  run: async (lab) => {
    const { failure, steps } = await lab.move("retire");
    assert.equal(failure, "");
    await lab.assertRules("retire");
    assert.ok(
      steps.findIndex((step) => /prestop/i.test(step)) < steps.indexOf("DaemonSet kiam-agent"),
      "neutralised before the agents came",
    );
    await lab.mustReach("cutover");
    assert.doesNotMatch(
      await kubectl(lab, "-n", "kube-system", "get", "daemonset", "kube2iam", "-o", "yaml"),
      /preStop/,
    );
    for (const worker of ["worker-1", "worker-2"]) {
      assert.match(await sh(worker, "iptables -t nat -S PREROUTING"), /:8881/);
    }
    return "the hook was taken out and disarmed in the running pods before the agents came; kiam's rules outlived every kube2iam pod";
  },
});

/** Certificates of one CA that are valid from tomorrow on, as a Secret for server and agent. */
async function skewedSecrets(lab: Session): Promise<void> {
  const realNow = Date.now;
  Date.now = () => realNow() + 48 * 3_600_000;
  const issued = await issueCertificates({
    serverNames: ["kiam-server", "kiam-server:443", "localhost"],
    ipAddresses: ["127.0.0.1"],
    validityDays: 30,
  }).finally(() => {
    Date.now = realNow;
  });
  const cluster = await lab.cluster();
  await cluster.apply([
    {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name: "skewed", namespace: "kiam" },
      stringData: {
        "ca.crt": issued.ca,
        "tls.crt": issued.server.certificate,
        "tls.key": issued.server.privateKey,
      },
    },
  ]);
}

async function setPreStop(lab: Session, preStop: object): Promise<void> {
  const patch = {
    spec: {
      // Where kube2iam was kept off new nodes by their label before, it is OnDelete since.
      updateStrategy: { type: "RollingUpdate" },
      template: { spec: { containers: [{ name: "kube2iam", lifecycle: { preStop } }] } },
    },
  };
  await kubectl(
    lab,
    ...["-n", "kube-system", "patch", "daemonset", "kube2iam", "--type=strategic"],
    ...["-p", JSON.stringify(patch)],
  );
  await kubectl(lab, "-n", "kube-system", "rollout", "status", "daemonset/kube2iam");
  await podsReady(lab, kube2iam.namespace, kube2iam.selector);
}
