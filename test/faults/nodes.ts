import assert from "node:assert/strict";

import { bootGuardScript } from "../../worker/bootGuard/bootGuard.js";
import { installBootScript } from "../../lab/cluster/machine.js";
import { sh } from "../../lab/disturb.js";
import { agentNotReadyTaint, kiamOnlyKey } from "../../migration/facts/clusterFacts.js";
import { fault } from "./fault.js";
import { kubectl } from "./onWorker.js";
import { once, type Session } from "./session.js";

/*
 * Workers that reboot, leave and join. Does not prove anything about cloud-init, systemd or
 * autoscalers: the lab boots its nodes by itself.
 */

const bootGuard = "kiam-boot-guard";

/** A worker that joins as docs/new-nodes.md advises: tainted until its agent is ready. */
async function join(lab: Session): Promise<string> {
  const cluster = await lab.cluster();
  const { name } = await cluster.addNode({
    taints: [agentNotReadyTaint],
  });
  return name;
}

fault("worker rebooted after its cutover", {
  at: "cutover",
  run: async (lab) => {
    await installBootGuard(lab, "worker-2");
    const cluster = await lab.cluster();
    await cluster.stopNode("worker-2");
    await cluster.startNode("worker-2");
    await cluster.waitReady();
    await lab.everybodyServed(Date.now(), 120);
    const { steps } = await lab.mustReach("cutover");
    assert.ok(steps.includes("gate worker-2-cutover-live"));
    assert.ok(!steps.some((step) => step.includes("worker-1")), steps.join(", "));
    assert.deepEqual((await lab.mustReach("cutover")).steps, []);
    await sh("worker-2", "rm /etc/boot.d/*boot-guard*");
    return "kube2iam's rule was back behind kiam's; the next update saw the new boot id and repaired that worker alone";
  },
});

fault("a worker rebooted while another is cut over", {
  at: "agent",
  leaves: "cutover",
  mayFail: "pods on a node that boots have nobody to ask",
  run: async (lab) => {
    await installBootGuard(lab, "worker-2");
    const cluster = await lab.cluster();
    const reboot = once("worker-1-cutover-live", "begin", async () => {
      await cluster.stopNode("worker-2");
      await cluster.startNode("worker-2");
    });
    const { failure } = await lab.move("cutover", {}, reboot.watch);
    await reboot.done();
    await cluster.waitReady();
    await lab.everybodyServed(Date.now(), 120);
    await lab.mustReach("cutover");
    await sh("worker-2", "rm /etc/boot.d/*boot-guard*");
    return `the update ${failure === "" ? "went through" : "failed, naming that worker"}; the next one left every worker on kiam`;
  },
});

fault("worker added, then removed, at stage cutover", {
  at: "cutover",
  leaves: "agent",
  run: async (lab) => {
    const newNodes = { startupTaint: true };
    assert.equal((await lab.move("cutover", { newNodes })).failure, "");
    const name = await join(lab);
    await lab.everybodyServed(Date.now(), 120);
    const { failure, steps } = await lab.move("cutover", { newNodes });
    assert.equal(failure, "");
    assert.ok(steps.includes(`gate ${name}-cutover-live`), steps.join(", "));
    assert.ok(!steps.some((step) => /worker-[12]-/.test(step)), steps.join(", "));
    assert.equal((await lab.rules())[name], "kiam");
    await (await lab.cluster()).removeNode(name);
    await lab.mustReach("cutover");
    await lab.mustReach("agent");
    return "its pods waited for its agent; the next update moved it alone; gone again, it blocked neither update nor way back";
  },
});

fault("worker added after kube2iam's retirement", {
  at: "retire",
  leaves: "cutover",
  run: async (lab) => {
    const newNodes = { startupTaint: true };
    assert.equal((await lab.move("retire", { newNodes })).failure, "");
    const name = await join(lab);
    await lab.everybodyServed(Date.now(), 120);
    // Nobody has told the settings its host key.
    const ssh = { hostKeys: await knownHostKeys(lab, ["worker-1", "worker-2"]) };
    const { failure, steps } = await lab.move("retire", { newNodes, ssh });
    assert.equal(failure, "");
    assert.ok(steps.includes(`gate ${name}-cutover-live`), steps.join(", "));
    assert.ok(!steps.some((step) => step.startsWith(`over SSH: ${name}`)));
    assert.equal((await lab.rules())[name], "kiam");
    assert.deepEqual((await lab.move("retire", { newNodes, ssh })).steps, []);
    await (await lab.cluster()).removeNode(name);
    await lab.mustReach("retire");
    await lab.mustReach("cutover");
    return "it never had kube2iam, needed no SSH and was proven to be served by kiam";
  },
});

let joined = "";
fault("worker removed in the middle of the migration, its cutover done", {
  at: "agent",
  leaves: "retire",
  // As on any node without a startup taint, pods may be there before whoever serves them.
  setUp: async (lab) => {
    joined = (await (await lab.cluster()).addNode()).name;
    await lab.everybodyServed(Date.now(), 120);
  },
  run: async (lab) => {
    await lab.mustReach("cutover");
    await (await lab.cluster()).removeNode(joined);
    await lab.mustReach("retire");
    const stack = await lab.stack("retire");
    const state = JSON.stringify(await stack.exportStack());
    assert.ok(!state.includes(`${joined}-cutover`), "nothing of it is left in the stack");
    return "the next update forgot it and went on";
  },
});

fault("new nodes kept free of kube2iam by a label", {
  at: "cutover",
  leaves: "agent",
  run: async (lab) => {
    const newNodes = { startupTaint: true, keepKube2iamOff: "label" as const };
    assert.equal((await lab.move("cutover", { newNodes })).failure, "");
    const cluster = await lab.cluster();
    const { name } = await cluster.addNode({
      labels: { [kiamOnlyKey]: "true" },
      taints: [agentNotReadyTaint],
    });
    await lab.everybodyServed(Date.now(), 120);
    const { failure } = await lab.move("cutover", { newNodes });
    assert.equal(failure, "");
    assert.equal((await lab.rules())[name], "kiam");
    const pods = await kubectl(
      lab,
      ...["-n", "kube-system", "get", "pods", "-l", "app.kubernetes.io/name=kube2iam"],
      ...["--field-selector", `spec.nodeName=${name}`, "-o", "name"],
    );
    assert.equal(pods, "", "kube2iam does not run there");
    assert.deepEqual((await lab.move("cutover", { newNodes })).steps, []);
    // The way back brings kube2iam there, too.
    await lab.mustReach("agent");
    await (await lab.cluster()).removeNode(name);
    await lab.mustReach("agent");
    return "kube2iam stayed away from it, its pods were kiam's from the first request; going back brought kube2iam there";
  },
});

/** What docs/new-nodes.md has at boot: kiam's rule is there before the first pod is. */
async function installBootGuard(lab: Session, name: string): Promise<void> {
  const cluster = await lab.cluster();
  const script = bootGuardScript({ interface: "cni0", agentPort: 8881 });
  await installBootScript(cluster.paths, cluster.node(name), bootGuard, script);
}

async function knownHostKeys(lab: Session, names: string[]): Promise<Record<string, string>> {
  const cluster = await lab.cluster();
  const keys = await Promise.all(names.map(async (name) => [name, await cluster.hostKey(name)]));
  return Object.fromEntries(keys) as Record<string, string>;
}
