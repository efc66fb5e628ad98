import assert from "node:assert/strict";

import { hostKeyOf } from "../../../migration/situation/hostKeyOf.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { situationOf } from "../../../migration/situation/situation.js";
import { plannedWorkers } from "../../../migration/plan/plan.js";
import { nodeFacts } from "../../../cluster/facts/clusterFacts.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import { exampleFacts, exampleSettings, exampleSituation } from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

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
    const plan = makePlan(exampleSituation(settings));
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

  it("is asked for only where the settings have none, for SSH, once the worker moves", () => {
    const hostKeys = { "worker-2": key("2") };
    const asking = { privateKey: "k", hostKeys, hostKeyCommand: ["host-key", "--quiet"] };
    const stepsOf = (change: Partial<SettingsInput>) => {
      const settings = parseSettings(exampleSettings({ ssh: asking as never, ...change }));
      const plan = makePlan(situationOf(settings, exampleFacts()));
      assert.deepEqual(plan.waiting, []);
      return Object.fromEntries(
        plannedWorkers(plan).map(({ name, hostKey, steps }) => [name, [hostKey, ...steps]]),
      );
    };
    const move = ["capture", "recheck", "remove-rule"];
    assert.deepEqual(stepsOf({ stage: "cutover" }), {
      "worker-1": [undefined, "shadow-probe", "ask-host-key", ...move, "live-probe"],
      "worker-2": [key("2"), "shadow-probe", ...move, "rehearse-undo", "live-probe"],
      "worker-3": [undefined, "shadow-probe", "ask-host-key", ...move, "live-probe"],
    });
    for (const change of [{ stage: "agent" }, { workers: { access: "exec" } }] as const) {
      assert.doesNotMatch(JSON.stringify(stepsOf(change)), /ask-host-key/);
    }
    assert.deepEqual(codes(findings({ ssh: asking as never })), []);
  });

  it("is asked for by a program and its words, and never where any host is accepted", () => {
    const parse = (hostKeyCommand: unknown, acceptUnknownHosts = false) =>
      parseSettings(
        exampleSettings({ ssh: { privateKey: "k", hostKeyCommand, acceptUnknownHosts } as never }),
      );
    for (const command of [["host-key"], ["/opt/host key", ""], ["sh", "-c", "a | b\n"]]) {
      assert.deepEqual(parse(command).ssh.hostKeyCommand, command);
    }
    assert.throws(() => parse(["bin/host-key"]), /must be a program's name, or its absolute path/);
    for (const command of [[], [""], "host-key", ["host-key", 1], ["host-key", "a\0b"], {}]) {
      assert.throws(() => parse(command), /ssh\.hostKeyCommand/, JSON.stringify(command));
    }
    assert.throws(
      () => parse(["host-key"], true),
      /ssh\.acceptUnknownHosts \(is true\): must be off/,
    );
  });

  it("is asked for by an EC2 instance's id, of which nothing can be an option or another word", () => {
    for (const id of [
      "aws:///eu-west-1a/i-0123456789abcdef0",
      "aws:///us-east-1-bos-1a/i-0123abcd",
    ]) {
      assert.equal(nodeFacts({ metadata: { name: "n" }, spec: { providerID: id } }).providerId, id);
    }
    for (const id of [
      ...[undefined, "", "i-0123456789abcdef0", "gce://project/zone/instance", "aws:///a/i-0123/x"],
      ...[
        "aws:///a/--query",
        "aws:///a/i-0123abcd\n",
        "aws:///$(id)/i-0123abcd",
        "aws:///a/i-0123ABCD",
      ],
    ]) {
      const { providerId } = nodeFacts({ metadata: { name: "n" }, spec: { providerID: id } });
      assert.equal(providerId, undefined, id);
    }
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
