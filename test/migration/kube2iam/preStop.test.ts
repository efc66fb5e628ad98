import assert from "node:assert/strict";

import type { V1Container, V1LifecycleHandler } from "@kubernetes/client-node";

import { dangerousHooks, whyNotDisarmed } from "../../../migration/kube2iam/preStop.js";
import { preStopToken } from "../../../migration/kube2iam/preStopToken.js";
import { exampleFacts } from "../../support/exampleCluster.js";

/* Pure. That the hooks judged dangerous are disarmed is test/gates/kube2iam/disarm.test.ts. */

/** As kube2iam's README has it. */
const readme = [
  "/bin/sh",
  "-c",
  "eval `iptables-save | grep 169.254.169.254 | sed s/-A/'iptables -t nat -D'/g`",
];

function container(preStop?: V1LifecycleHandler, change: Partial<V1Container> = {}): V1Container {
  return { name: "kube2iam", ...(preStop && { lifecycle: { preStop } }), ...change };
}

const dangers = (...containers: V1Container[]) => dangerousHooks({ containers });

describe("a preStop hook", () => {
  it("is dangerous as soon as it does more than wait", () => {
    const hook = { container: "kube2iam", command: readme, readOnlyRoot: false };
    assert.deepEqual(dangers(container({ exec: { command: readme } })), [hook]);
    for (const text of [
      "sleep 5; iptables -F -t nat",
      "true && sleep 5",
      "sleep 5 &",
      "/$(iptables${IFS}-F)/sleep 5",
    ]) {
      assert.equal(dangers(container({ exec: { command: ["sh", "-c", text] } })).length, 1, text);
    }
    assert.equal(dangers(container({ exec: { command: ["/cleanup.sh"] } })).length, 1);
  });

  it("is harmless where it only waits, or is no command", () => {
    for (const command of [
      ["sleep", "5"],
      ["/bin/sleep", "0.5"],
      ["sh", "-c", "sleep 5s"],
      ["/bin/sh", "-c", "/bin/sleep 1m"],
    ]) {
      assert.deepEqual(dangers(container({ exec: { command } })), [], command.join(" "));
    }
    assert.deepEqual(dangers(container({ sleep: { seconds: 5 } })), []);
    assert.deepEqual(dangers(container({ httpGet: { port: 8181 } })), []);
    assert.deepEqual(dangers(container()), []);
    assert.deepEqual(dangerousHooks(undefined), []);
  });

  it("is found in every container, those that start first included", () => {
    const hooked = (name: string) => container({ exec: { command: readme } }, { name });
    const found = dangerousHooks({
      initContainers: [hooked("sidecar")],
      containers: [container(), hooked("second")],
    });
    assert.deepEqual(
      found.map((hook) => hook.container),
      ["sidecar", "second"],
    );
  });

  it("cannot be disarmed on a read-only root, nor where it leaves its container", () => {
    const reason = (command: string[], readOnlyRoot: boolean) =>
      whyNotDisarmed({ container: "kube2iam", command, readOnlyRoot });
    assert.equal(reason(readme, false), undefined);
    assert.match(reason(readme, true) ?? "", /read-only/);
    assert.match(reason(["sh", "-c", "chroot /host iptables -t nat -F"], false) ?? "", /chroot/);
    const [hook] = dangers(
      container(
        { exec: { command: readme } },
        { securityContext: { readOnlyRootFilesystem: true } },
      ),
    );
    assert.equal(hook?.readOnlyRoot, true);
  });
});

describe("the token of the preStop hook", () => {
  const token = (commands: string[][], noted?: string) => {
    const { kube2iam } = exampleFacts();
    assert.ok(kube2iam !== undefined);
    const preStop = commands.map((command) => ({
      container: "kube2iam",
      command,
      readOnlyRoot: false,
    }));
    return preStopToken({ kube2iam: { ...kube2iam, preStop }, notes: { preStopToken: noted } });
  };

  it("stands as long as there is no hook, before and after one was neutralised", () => {
    const before = token([]);
    assert.equal(before, "none");
    const during = token([readme], undefined);
    assert.notEqual(during, before);
    assert.equal(token([readme]), during, "preview and update agree");
    assert.equal(token([], during), during, "the gate notes it and takes the hook off");
  });

  it("is another one each time a hook comes back, be it the same", () => {
    const seen = new Set(["none"]);
    let noted: string | undefined;
    for (let time = 0; time < 3; time++) {
      noted = token([readme], noted);
      assert.ok(!seen.has(noted));
      seen.add(noted);
      noted = token([], noted);
    }
    assert.notEqual(token([["/other"]]), token([readme]));
  });

  it("stands when kube2iam is retired", () => {
    const notes = { preStopToken: "abc" };
    assert.equal(preStopToken({ kube2iam: undefined, notes }), "abc");
    assert.equal(preStopToken({ kube2iam: undefined, notes: {} }), "none");
  });

  it("differs from that of the state after a run that was interrupted, wherever that was", () => {
    const inState = token([readme]);
    const running = token([readme], inState);
    // Noted, and the hook taken off or not yet: either way not what the state holds.
    assert.notEqual(token([], running), inState);
    assert.notEqual(token([readme], running), inState);
  });
});
