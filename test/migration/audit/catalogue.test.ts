import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { format, resolveConfig } from "prettier";

import { findingCodes } from "../../../migration/audit/catalogue.js";
import { inFull } from "../../../migration/audit/judgement.js";
import { findingsPage } from "../../../migration/preview/findingsPage.js";

/* Pure: what is written about findings is complete. That it is true is for the other tests. */

describe("the catalogue of findings", () => {
  it("has no code that no test is about", async () => {
    const tests = join(__dirname, "..");
    const paths = (await readdir(tests, { recursive: true }))
      .map((path) => join(tests, path))
      .filter((path) => path.endsWith(".ts") && path !== __filename);
    const texts = await Promise.all(paths.map((path) => readFile(path, "utf8")));
    const tested = new Set(texts.flatMap((text) => text.match(/[a-z0-9]+(?:-[a-z0-9]+)+/g) ?? []));
    assert.deepEqual(
      findingCodes.filter((code) => !tested.has(code)),
      [],
    );
  });

  it("has why and fix of a finding, as its lines have them, unless the judge says otherwise", () => {
    const judgement = { severity: "warns", object: "cluster", seen: "…" } as const;
    for (const code of findingCodes) {
      const { why, fix } = inFull({ ...judgement, code });
      for (const line of [why, fix])
        assert.match(line, /^(?![A-Z][a-z]* (?<!Kubernetes ))[^`]+[^`.]$/);
    }
    const code = "kube2iam-not-ready";
    assert.match(inFull({ ...judgement, code }).fix, /^see its log there; .*metadata$/);
    assert.deepEqual(inFull({ ...judgement, code, why: "w", fix: "f" }), {
      ...judgement,
      code,
      why: "w",
      fix: "f",
    });
  });
});

describe("docs/findings.md", () => {
  it("shows as code what Markdown would take for its own", () => {
    const outside = findingsPage()
      .replace(/```[^]*?```/g, "")
      .replace(/`[^`\n]*`/g, "CODE");
    assert.doesNotMatch(outside, /[<>]|\.\*|\*\.|CODE\w|\wCODE/);
  });

  it("lists every code, as npm run docs:findings writes it", async () => {
    const path = join(__dirname, "../../../docs/findings.md");
    const options = await resolveConfig(path);
    assert.equal(
      await readFile(path, "utf8"),
      await format(findingsPage(), { ...options, parser: "markdown" }),
    );
  });
});
