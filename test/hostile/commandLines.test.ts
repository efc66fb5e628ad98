import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ClusterMigration } from "../../components/clusterMigration.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { situationOf } from "../../migration/situation/situation.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { exampleFacts, exampleSettings } from "../support/exampleCluster.js";
import { migrationOutputs } from "../support/migrationOutputs.js";
import { MockEngine } from "../support/mockEngine.js";

/*
 * Root command lines are given to a real shell, whose sudo does nothing. What a node's annotation
 * holds must not run.
 */

const remote = "command:remote:Command";

describe("command lines made of a hostile node", () => {
  const directory = mkdtempSync(join(tmpdir(), "hostile-"));
  after(() => rmSync(directory, { recursive: true }));

  it("do not run what its cutover annotation says", async () => {
    const pwned = join(directory, "pwned");
    writeFileSync(join(directory, "sudo"), "#!/bin/sh\n", { mode: 0o755 });
    const cutoverAnnotation = JSON.stringify({
      generation: `x\nid >${pwned} #`,
      bootId: "boot-of-worker-1",
      kube2iamPod: "kube2iam-on-worker-1",
    });
    const settings = parseSettings(exampleSettings());
    const facts = exampleFacts();
    const nodes = facts.nodes.map((node) =>
      node.name === "worker-1" ? { ...node, cutoverAnnotation } : node,
    );
    const plan = makePlan(situationOf(settings, { ...facts, nodes }));
    const engine = await MockEngine.start(migrationOutputs);
    await engine.run(() => new ClusterMigration("migration", { settings, plan }));
    const commands = engine.registered
      .filter(({ type }) => type === remote)
      .flatMap(({ inputs }) => [inputs.create, inputs.delete])
      .filter((command): command is string => typeof command === "string");
    assert.equal(commands.length, 3, "a removal for each worker");
    for (const command of commands) {
      spawnSync("/bin/sh", ["-c", command], { env: { PATH: `${directory}:/usr/bin:/bin` } });
      assert.ok(!existsSync(pwned), `ran the payload: ${command}`);
    }
  });
});
