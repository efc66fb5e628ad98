import assert from "node:assert/strict";

import { newNodesAsText, type NewNodesAnswer } from "../../../cli/newNodes/newNodesAnswer.js";
import { newNodeRecipes } from "../../../migration/plan/newNodeRecipes.js";
import { marksOf } from "../../../migration/plan/nodeMarks.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { exampleSettings } from "../../support/exampleCluster.js";

/* Pure: what people read. The command itself is for test/engine/kiamMigrate.test.ts. */

const { newNodes } = parseSettings(exampleSettings({ newNodes: { startupTaint: true } }));
const script = "#!/bin/sh\nguard\n";
const nodeGroups = Object.entries(newNodeRecipes(newNodes, script)).map(([kind, recipe]) => ({
  kind,
  ...recipe,
}));

function answer(change: Partial<NewNodesAnswer> = {}): NewNodesAnswer {
  return {
    stack: "staging",
    interface: "cni0",
    agentPort: 8881,
    newNodes,
    marks: marksOf(newNodes),
    nodeGroups,
    bootGuard: { file: "boot-guard.sh", text: script },
    written: undefined,
    ...change,
  };
}

describe("the answer of kiam-migrate new-nodes", () => {
  it("has everything in one text, and says how to get files", () => {
    const text = newNodesAsText(answer());
    assert.match(text, /^New workers get: the taint kube2iam-to-kiam\/agent-not-ready=true/);
    for (const { title } of nodeGroups) assert.ok(text.includes(`--- ${title}\n`), title);
    assert.equal(text.split("guard\n").length, 2, "the script stands there once");
    assert.match(text, /kiam-migrate new-nodes --stack staging --directory new-nodes$/);
  });

  it("names each file that was written, with what it is for, and no script", () => {
    const written = [...nodeGroups.map(({ file }) => file), "boot-guard.sh"];
    const text = newNodesAsText(answer({ written: written.map((file) => `groups/${file}`) }));
    assert.match(text, /Only for groups of workers/);
    for (const { title, file } of nodeGroups)
      assert.ok(text.includes(`  groups/${file}: ${title}`));
    assert.match(text, /groups\/boot-guard\.sh: the boot guard by itself$/);
    assert.ok(!text.includes("#!/bin/sh"));
  });
});
