import assert from "node:assert/strict";

import { insertsItsRule, kube2iamCommandLine } from "../../../migration/kube2iam/flags.js";

/* Pure: kube2iam's flags as pflag takes them. */

describe("whether kube2iam inserts its rule", () => {
  for (const [words, inserts] of [
    [["--iptables"], true],
    [["--iptables=true"], true],
    [["--iptables=1"], true],
    [["--iptables=false"], false],
    [["--iptables", "false"], true],
    [["--iptables=true", "--iptables=false"], false],
    [["--iptables=false", "--iptables"], true],
    [["--iptables-lock"], false],
    [[], false],
  ] as const) {
    it(`${inserts ? "yes" : "no"}: ${words.join(" ") || "no flag"}`, () =>
      assert.equal(insertsItsRule(words), inserts));
  }

  it("is asked of its own container, command and arguments", () => {
    const line = kube2iamCommandLine({
      containers: [
        { name: "kube2iam", command: ["kube2iam"], args: ["--iptables=false"] },
        { name: "other", args: ["--iptables"] },
      ],
    });
    assert.deepEqual(line, ["kube2iam", "--iptables=false"]);
    assert.equal(insertsItsRule(line), false);
    assert.deepEqual(kube2iamCommandLine(undefined), []);
  });
});
