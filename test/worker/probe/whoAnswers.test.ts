/**
 * Who supplies a pod, by what it is answered: worker/probe/probe.sh in a pod's network namespace, while
 * the worker's rules say the same, or something else.
 *
 * Real: the kernel's nat, native nft tables included, as another CNI's or an nft build of kube2iam
 * writes them. Not proven here: the official programs (an instrument has their marks).
 */
import assert from "node:assert/strict";

import { findCommand, needsCommands } from "../../support/requirements.js";
import { kiamRule, kube2iamRule, TestWorker, worker } from "../worker.js";

describe("who answers, seen from a pod", () => {
  const node = TestWorker.forSuite("who", "dash", "wget", "timeout");

  const seen = async () => {
    const verdict = await node.probe();
    return [verdict?.verdict, verdict?.before.who, verdict?.after?.who];
  };

  for (const [who, rules] of [
    ["kube2iam", [kube2iamRule, kiamRule]],
    ["kiam", [kiamRule, kube2iamRule]],
    ["nobody", []],
  ] as const) {
    it(`is ${who} with ${rules.length === 0 ? "no rule" : "its rule first"}`, async () => {
      await node.reset({ nft: rules });
      assert.deepEqual(await seen(), ["right", who, who]);
    });
  }

  for (const priority of [-100, -110]) {
    it(`is kube2iam where a native nft chain (priority ${priority}) says so, whatever iptables says`, async function () {
      needsCommands(this, ["nft"]);
      const nft = (...words: string[]) => node.run(findCommand("nft")!, ...words);
      await node.reset({ nft: [kiamRule] });
      // Of chains with equal priority (iptables' has -100) the kernel asks the newest first.
      await nft("add", "table", "ip", "kube2iam");
      try {
        const hook = `{ type nat hook prerouting priority ${priority} ; }`;
        await nft("add", "chain", "ip", "kube2iam", "prerouting", hook);
        await nft(
          ...["add", "rule", "ip", "kube2iam", "prerouting", "iifname", "cni0"],
          ...["ip", "daddr", "169.254.169.254", "tcp", "dport", "80"],
          ...["dnat", "to", `${worker.hostIp}:${worker.kube2iamPort}`],
        );
        assert.deepEqual(await node.rules("nft"), [kiamRule]);
        assert.deepEqual(await seen(), ["right", "kube2iam", "kube2iam"]);
      } finally {
        await nft("delete", "table", "ip", "kube2iam");
      }
      assert.deepEqual(await seen(), ["right", "kiam", "kiam"]);
    });
  }
});
