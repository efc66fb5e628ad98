import assert from "node:assert/strict";
import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parseDocument } from "yaml";

import {
  setPermitted,
  setSections,
  setSome,
  withStage,
  writePermitted,
  writeSections,
  writeStage,
} from "../../../automation/stack/stackFile.js";

/* Files as Pulumi keeps them; that Pulumi reads them is for test/engine/kiamMigrate. */

const set = (text: string, permitted: Record<string, string>) => {
  const document = parseDocument(text);
  setPermitted(document, permitted);
  return document.toString({ lineWidth: 0 });
};

describe("permitted roles in a stack's file", () => {
  it("are set and added, and everything else stays as it was", () => {
    const before = [
      "config:",
      "  # how far it goes",
      "  kube2iam-to-kiam:stage: server",
      "  kube2iam-to-kiam:namespaces:",
      "    orders:",
      "      permitted: .* # for now",
      "      force: true",
      "",
    ].join("\n");
    const after = set(before, { orders: "exact", payments: "a|b" });
    assert.match(after, /# how far it goes\n {2}kube2iam-to-kiam:stage: server\n/);
    assert.match(
      after,
      / {4}orders:\n {6}permitted: exact.*\n {6}force: true\n {4}payments:\n {6}permitted: a\|b\n/,
    );
  });

  it("begin the section where there is none, and open one that is JSON", () => {
    assert.match(
      set("config: {}\n", { orders: "x" }),
      /namespaces: \{ ?orders: \{ ?permitted: x ?\} ?\}/,
    );
    const json = set(`config:\n  kube2iam-to-kiam:namespaces: '{"a":{"permitted":"y"}}'\n`, {
      b: "z",
    });
    assert.deepEqual(parseDocument(json).toJS(), {
      config: { "kube2iam-to-kiam:namespaces": { a: { permitted: "y" }, b: { permitted: "z" } } },
    });
  });

  it("refuse a section of another kind", () =>
    assert.throws(
      () => set("config:\n  kube2iam-to-kiam:namespaces: [a]\n", { b: "z" }),
      /is not an object/,
    ));

  it("go where Pulumi.yaml says that stacks are", async () => {
    const directory = await mkdtemp(join(tmpdir(), "stack-file-"));
    try {
      await mkdir(join(directory, "stacks"));
      await writeFile(
        join(directory, "Pulumi.yaml"),
        "name: kube2iam-to-kiam\nstackConfigDir: stacks\n",
      );
      await writeFile(join(directory, "stacks/Pulumi.test.yaml"), "config: {}\n");
      const file = await writePermitted(directory, "test", { orders: "x" });
      assert.equal(file, join(directory, "stacks/Pulumi.test.yaml"));
      assert.match(await readFile(file, "utf8"), /permitted: x/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe("some settings in a stack's file", () => {
  it("change what they name, and everything else stays as it was", () => {
    const before = [
      "encryptionsalt: x # keep",
      "config:",
      "  ours:workers:",
      "    canaries: [a] # the quiet one",
      "    waveSize: 10%",
      '  ours:kiam: \'{"region":"x"}\'',
      "  aws:region: a",
      "",
    ].join("\n");
    const document = parseDocument(before);
    setSome(document, "ours", {
      workers: { groups: ["spot"], waveSize: 5 },
      kiam: { logLevel: "debug" },
      probe: { role: "probe" },
    });
    const after = document.toString({ lineWidth: 0 });
    assert.match(after, /canaries: \[ ?a ?\] # the quiet one\n {4}waveSize: 5\n/);
    assert.match(after, /^encryptionsalt: x # keep$/m);
    assert.deepEqual((document.toJS() as { config: object }).config, {
      "ours:workers": { canaries: ["a"], waveSize: 5, groups: ["spot"] },
      "ours:kiam": { region: "x", logLevel: "debug" },
      "aws:region": "a",
      "ours:probe": { role: "probe" },
    });
  });
});

describe("all settings in a stack's file", () => {
  it("are objects, those of before go, and what is not of the project stays", () => {
    const document = parseDocument(
      'encryptionsalt: x # keep\nconfig:\n  aws:region: a\n  ours:probe: {}\n  ours:kiam: \'{"region":"x"}\'\n',
    );
    setSections(document, "ours", { stage: "agent", kiam: { region: "y", serverTolerations: [] } });
    assert.deepEqual(document.toJS(), {
      encryptionsalt: "x",
      config: {
        "aws:region": "a",
        "ours:kiam": { region: "y", serverTolerations: [] },
        "ours:stage": "agent",
      },
    });
    assert.match(document.toString(), /# keep/);
  });

  it("begin a file that is empty, and are text where another YAML would see a date", async () => {
    const directory = await mkdtemp(join(tmpdir(), "stack-file-"));
    try {
      await writeFile(join(directory, "Pulumi.yaml"), "name: ours\n");
      await writeSections(directory, "test", { kiam: { region: "2001-02-03", port: 1 } });
      assert.equal(
        await readFile(join(directory, "Pulumi.test.yaml"), "utf8"),
        'config:\n  ours:kiam:\n    region: "2001-02-03"\n    port: 1\n',
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe("the stage in a stack's file", () => {
  const at = (text: string) => withStage(text, "ours:stage", "cutover");

  it("is all that changes: comments, order, quotes and line ends stay", () => {
    const file = (stage: string) =>
      [
        "# Staging goes first.\r",
        "encryptionsalt: v1:abc=",
        "config:",
        "    ours:kiam: { region:   eu-west-1 } # near us",
        `    ours:stage: ${stage}   # a promotion is a change of this line`,
        "    # Low-risk workers first:",
        "    ours:ssh:",
        "        privateKey:",
        "            secure: v1:def",
        "",
        "# the end",
      ].join("\n");
    for (const former of ["agent", '"agent"', "'agent'"]) {
      assert.equal(at(file(former)), file("cutover"));
    }
    assert.equal(at(file('"cutover"')), file('"cutover"'), "already there");
  });

  it("is added where it is not there", () => {
    assert.equal(
      at("config:\n  # where\n  ours:kiam:\n    region: x\n"),
      "config:\n  # where\n  ours:stage: cutover\n  ours:kiam:\n    region: x\n",
    );
    for (const text of [
      "",
      "encryptionsalt: x\n",
      "config:\n",
      "config: {}\n",
      "config: { ours:a: b }\n",
    ]) {
      const config = (parseDocument(at(text)).toJS() as { config: object }).config;
      assert.equal((config as Record<string, unknown>)["ours:stage"], "cutover", text);
    }
    assert.equal(at("config:\n  ours:stage:\n"), "config:\n  ours:stage: cutover\n");
  });

  it("is not set in a file that cannot be read", () =>
    assert.throws(() => at("config: {\n"), /no YAML, so its stage was not set/));

  it("is put back, unless the file was changed since", async () => {
    const directory = await mkdtemp(join(tmpdir(), "stack-file-"));
    try {
      await writeFile(join(directory, "Pulumi.yaml"), "name: ours\n");
      const file = join(directory, "Pulumi.test.yaml");
      const before = "config:\n  ours:stage: agent # now\n";
      await writeFile(file, before);
      const putBack = await writeStage(directory, "organization/ours/test", "cutover");
      assert.equal(await readFile(file, "utf8"), before.replace("agent", "cutover"));
      await putBack();
      assert.equal(await readFile(file, "utf8"), before);
      const late = await writeStage(directory, "test", "cutover");
      await writeFile(file, "config: {}\n");
      await late();
      assert.equal(await readFile(file, "utf8"), "config: {}\n");
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
