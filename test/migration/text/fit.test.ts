import assert from "node:assert/strict";

import fc from "fast-check";

import { fitted, type Section } from "../../../migration/text/fit.js";

/* Pure: whatever is put together stays below its length, and nothing is left out without need. */

const rest = (count: number) => `(${count} left out)`;

function section(blocks: string[], change: Partial<Section> = {}): Section {
  return { before: ["<"], blocks, leftOut: rest, after: [">"], ...change };
}

const lengthOf = (lines: string[]) => lines.join("\n").length + 1;

describe("what has to fit", () => {
  it("is whole where there is room", () => {
    const sections = [section(["a", "b\nc"]), section([]), { before: ["end"] }];
    assert.deepEqual(fitted(sections, 100), ["<", "a", "b\nc", ">", "<", ">", "end"]);
  });

  it("leaves out the last blocks, each as a whole, and says how many", () => {
    const blocks = ["one", "two\ntwo", "three", "four"];
    // 4 for the frame, 13 for the line about the rest, 4 for the first block.
    assert.deepEqual(fitted([section(blocks)], 21), ["<", "one", "(3 left out)", ">"]);
    assert.deepEqual(fitted([section(blocks)], 29), ["<", "one", "two\ntwo", "(2 left out)", ">"]);
    assert.deepEqual(fitted([section(blocks, { keep: "last" })], 22), [
      "<",
      "(3 left out)",
      "four",
      ">",
    ]);
  });

  it("gives what one section does not need to the others", () => {
    const long = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    const alone = fitted([section(long)], 300).length;
    const besideShort = fitted([section(["short"]), section(long)], 300 + 23);
    assert.ok(besideShort.includes("short"));
    assert.equal(besideShort.length, alone + 3);
  });

  it("gives two long ones the same", () => {
    const long = Array.from({ length: 100 }, () => "12345");
    const lines = fitted([section(long), section(long)], 400);
    const first = lines.indexOf("<", 1) - 3;
    const second = lines.length - lines.indexOf("<", 1) - 3;
    assert.equal(first, second);
    assert.ok(first > 10);
  });

  it("never gets longer than it may, whatever is in it", () => {
    const blocks = fc.array(fc.string({ maxLength: 40 }), { maxLength: 30 });
    const sections = fc.array(
      fc.record({ blocks, keep: fc.constantFrom("first" as const, "last" as const) }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(sections, fc.integer({ min: 120, max: 1500 }), (parts, longest) => {
        const lines = fitted(
          parts.map(({ blocks: of, keep }) => section(of, { keep })),
          longest,
        );
        assert.ok(lengthOf(lines) <= longest, `${lengthOf(lines)} of ${longest}`);
        const whole = parts.map(({ blocks: of }) => lengthOf(["<", ...of, ">", rest(of.length)]));
        if (whole.reduce((sum, each) => sum + each, 0) <= longest) {
          assert.ok(lines.every((line) => !line.endsWith("left out)")));
        }
      }),
    );
  });
});
