import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

import fc from "fast-check";

import { bootGuardScript } from "../../worker/bootGuard/bootGuard.js";
import { ruleCommand } from "../../worker/rules/script.js";
import { commented, quote } from "../../worker/shellWords.js";
import { hostileText, payloads } from "../support/hostile.js";

/* The second check, where a command line is made, against a real shell. */

describe("words of a command line", () => {
  it("come out of a shell as they went in, or are refused", () => {
    fc.assert(
      fc.property(fc.array(hostileText, { minLength: 1, maxLength: 20 }), (texts) => {
        const words = texts.map((text) => Buffer.from(text.slice(0, 1_000)).toString());
        const quoted = words.flatMap((word) => {
          // eslint-disable-next-line no-control-regex
          if (!/[\0-\x1f\x7f-\x9f]/.test(word)) return [[word, quote(word)] as const];
          assert.throws(() => quote(word), /control characters/);
          return [];
        });
        const command = ["printf '%s\\0'", ...quoted.map(([, word]) => word)].join(" ");
        const { stdout, stderr } = spawnSync("/bin/sh", ["-c", command], { encoding: "utf8" });
        assert.equal(stderr, "");
        assert.equal(stdout, quoted.map(([word]) => `${word}\0`).join("") || "\0");
      }),
      { numRuns: 40 },
    );
  });

  it("end in no comment but one of this program's", () => {
    assert.equal(commented("true", "generation", "0123456789ab"), "true # generation 0123456789ab");
    for (const payload of [...payloads, "0123456789ab\n", "0123456789abc"]) {
      assert.throws(() => commented("true", "attempt", payload), /did not make/);
    }
  });

  it("are no addresses, interfaces or ports that are none, whoever let them through before", () => {
    const worker = { hostIp: "10.0.0.1", kube2iamPort: 8181, kiamPort: 8881 };
    for (const payload of payloads) {
      assert.throws(() => ruleCommand("inspect", { ...worker, hostIp: payload }), /node script/);
    }
    for (const payload of payloads.filter((each) => !/^(constructor|__proto__)$/.test(each))) {
      assert.throws(() => ruleCommand("inspect", { ...worker, interface: payload }));
      assert.throws(() => bootGuardScript({ interface: payload, agentPort: 8881 }));
    }
  });
});
