/** Pure: which interfaces an expression is for. That the node script agrees: test/worker/rules/tables. */
import assert from "node:assert/strict";

import { coversInterface, fitsInterface } from "../../../migration/rules/hostInterface.js";

/** All texts of so many of these characters; iptables takes only a + at the end for a prefix. */
const texts = (length: number): string[] =>
  length === 0 ? [""] : texts(length - 1).flatMap((text) => ["a", "b", "+"].map((c) => text + c));

const names = [1, 2, 3, 4].flatMap(texts);
const plain = [...new Set([1, 2].flatMap(texts).flatMap((text) => [text, `${text}+`]))];
const expressions = [...plain, ...plain.map((each) => `!${each}`)];

describe("hostInterface", () => {
  it("takes an expression to cover another only where every interface that fits the one fits the other", () => {
    for (const wide of expressions) {
      for (const narrow of expressions) {
        const all = names.every(
          (name) => !fitsInterface(narrow, name) || fitsInterface(wide, name),
        );
        const answer = coversInterface(wide, narrow);
        if (answer || !narrow.startsWith("!")) {
          assert.equal(answer, all, `${wide} over ${narrow}`);
        }
      }
    }
  });

  it("says no where it cannot tell, and knows every interface in both its forms", () => {
    for (const [wide, narrow, covers] of [
      [undefined, "!eth0", true],
      [undefined, undefined, true],
      ["+", undefined, true],
      ["+", "!eth0", true],
      ["!eth0", "!eth0", true],
      ["cni0", undefined, false],
      ["!eth0", undefined, false],
      ["cni0", "!eth0", false],
      ["!eth0", "!eth1", false],
      ["!eth0", "!eth+", false],
    ] as const) {
      assert.equal(coversInterface(wide, narrow), covers, `${wide} over ${narrow}`);
    }
  });
});
