import assert from "node:assert/strict";

import fc from "fast-check";

import {
  codeBlock,
  codeInMarkdown,
  inMarkdown,
  shown,
  shownJson,
  shownLine,
} from "../../../migration/text/shown.js";
import { hostileText, unshowableIn } from "../../support/hostile.js";

/* Pure: whatever a text holds, nothing of it is acted on where it is shown. */

describe("what is shown", () => {
  it("leaves alone what can be read in any language", () => {
    const text = "pod orders/web-1: rôle « app », роль, 役割 → ok\n\tsecond line";
    assert.equal(shown(text), text);
    assert.equal(shownLine("app-orders"), "app-orders");
  });

  it("makes visible what a terminal acts on, or does not show", () => {
    assert.equal(shown("a\u001b[2Jb\r\u0000\u009b"), "a\\u001b[2Jb\\u000d\\u0000\\u009b");
    assert.equal(shown("ap\u202ep\u200b\u{e0041}\ufeff"), "ap\\u202ep\\u200b\\udb40\\udc41\\ufeff");
    assert.equal(shownLine("a\nb\tc"), "a\\u000ab\\u0009c");
    assert.equal(shownLine("\ud800"), "\\ud800");
  });

  it("bounds a value, and says how much is left out", () => {
    assert.equal(shownLine("x".repeat(2_010)), `${"x".repeat(2_000)}… (10 more characters)`);
  });

  it("is never raw, whatever the text", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        assert.deepEqual(unshowableIn(shown(text)), []);
        for (const line of [shownLine(text), inMarkdown(text), codeInMarkdown(text)]) {
          assert.deepEqual(unshowableIn(line), []);
          assert.doesNotMatch(line, /[\n\t]/);
        }
        const json = shownJson({ [text]: [text] }, 2);
        assert.deepEqual(unshowableIn(json), []);
        assert.deepEqual(JSON.parse(json), { [text]: [text] });
      }),
    );
  });

  it("opens nothing in Markdown: no markup, no comment, no cell, no fence", () => {
    fc.assert(
      fc.property(hostileText, fc.array(hostileText), (text, lines) => {
        assert.doesNotMatch(inMarkdown(text), /[<>`|*_[\]]/);
        assert.doesNotMatch(
          codeInMarkdown(text).replace(/^(`|<code>)|(`|<\/code>)$/g, ""),
          /[<>`|]/,
        );
        const [fence = "", ...block] = codeBlock("", lines);
        assert.equal(block.pop(), fence);
        assert.ok(block.every((line) => !line.includes(fence)));
      }),
    );
    // As an entity, GitHub would still take it for a mention or a link.
    assert.equal(
      inMarkdown("@acme/all, see #1 or &#64;x"),
      "@&#8203;acme/all, see #&#8203;1 or &#38;#&#8203;64;x",
    );
    assert.equal(
      inMarkdown("see !1, and http://evil.example"),
      "see !&#8203;1, and http&#58;//evil.example",
    );
    assert.equal(codeInMarkdown("at WWW.evil.example"), "<code>at WWW&#46;evil.example</code>");
    assert.equal(codeInMarkdown("`</code>|"), "<code>&#96;&#60;/code&#62;&#124;</code>");
  });
});
