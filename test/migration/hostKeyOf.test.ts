import assert from "node:assert/strict";

import { hostKeyOf } from "../../migration/hostKeyOf.js";
import { makePlan, plannedWorkers } from "../../migration/plan.js";
import { parseSettings } from "../../migration/parseSettings.js";
import { exampleFacts, exampleSettings } from "../support/exampleCluster.js";
import { codes, findings } from "../support/findings.js";

/* Pure: which host key a worker is given. */

const key = (name: string) => `ssh-ed25519 AAAA${name}`;
const ssh = (hostKeys: Record<string, string>) => ({ privateKey: "k", hostKeys });

describe("a worker's host key", () => {
  function keyFor(name: string, hostKeys: Record<string, string>): string | undefined {
    return hostKeyOf(parseSettings(exampleSettings({ ssh: ssh(hostKeys) })), { name });
  }

  it("is the one by its name, else by the longest pattern, whatever their order", () => {
    const all = { "*": key("0"), "ip-10-1-2": key("1"), "ip-10-1-*": key("2"), "ip-*": key("3") };
    for (const hostKeys of [all, Object.fromEntries(Object.entries(all).reverse())]) {
      assert.equal(keyFor("ip-10-1-2", hostKeys), key("1"));
      assert.equal(keyFor("ip-10-1-3", hostKeys), key("2"));
      assert.equal(keyFor("ip-10-2-3", hostKeys), key("3"));
      assert.equal(keyFor("other", hostKeys), key("0"));
    }
    for (const hostKeys of [
      { "a*": key("1"), "*b": key("2") },
      { "*b": key("2"), "a*": key("1") },
    ]) {
      assert.equal(keyFor("ab", hostKeys), key("2"));
    }
  });

  it("is none where nothing fits as a whole", () => {
    for (const name of ["x-ip-10", "ip-1", "constructor", "tostring"]) {
      assert.equal(keyFor(name, { "ip-10*": key("1"), "ip-10": key("2") }), undefined, name);
    }
    // A dot stands for itself: patterns are no regular expressions.
    assert.equal(keyFor("ip-10x1", { "ip-10.*": key("1") }), undefined);
  });

  it("is what plan and audit go by", () => {
    const settings = { ssh: ssh({ "worker-*": key("9"), "worker-2": key("2") }) };
    const plan = makePlan(parseSettings(exampleSettings(settings)), exampleFacts());
    const keys = plannedWorkers(plan).map(({ name, hostKey }) => [name, hostKey]);
    assert.deepEqual(
      new Map(keys as [string, string][]),
      new Map([
        ["worker-1", key("9")],
        ["worker-2", key("2")],
        ["worker-3", key("9")],
      ]),
    );
    assert.deepEqual(codes(findings(settings)), []);
    assert.deepEqual(codes(findings({ ssh: ssh({ "worker-1*": key("1") }) })), [
      "blocks host-key-unknown node/worker-2",
      "blocks host-key-unknown node/worker-3",
    ]);
  });

  it("is refused under what is no node's name, saying what is", () => {
    for (const name of ["Worker", "-x", "a b", "$(id)", "a\nb", "x?", "[a-z]*"]) {
      assert.throws(
        () => parseSettings(exampleSettings({ ssh: ssh({ [name]: key("1") }) })),
        /ssh\.hostKeys\..*: must be a node's name, or a pattern/s,
        name,
      );
    }
  });
});
