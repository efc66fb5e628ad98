import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Resource } from "@pulumi/pulumi";

import { ClusterMigration } from "../../components/clusterMigration.js";
import { digest } from "../../migration/text/digest.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { situationOf } from "../../migration/situation/situation.js";
import { stages, type Stage } from "../../migration/stages.js";
import { exampleFacts, exampleSettings } from "../support/exampleCluster.js";
import { migrationOutputs } from "../support/migrationOutputs.js";
import { dependencies, MockEngine, type Registered } from "../support/mockEngine.js";

/*
 * What a stack holds at each stage: every resource under its place in the tree, which is what its
 * URN is made of, with a digest of its inputs and one of its options (what it comes after, what it
 * goes with, time limits, changes that it ignores). A change of the code that changes none of this is
 * one that no stack notices. Where a change is meant, `KIAM_DECLARED_STATE=1` writes the file anew,
 * and the changelog says what the next update will do.
 *
 * Does not prove what the engine does with a change of inputs: test/engine does.
 */

const file = join(__dirname, "declaredState.json");
const everything = { newNodes: { keepKube2iamOff: "label" as const, startupTaint: true } };

async function declaredAt(stage: Stage): Promise<Record<string, string>> {
  const settings = parseSettings(exampleSettings({ stage, ...everything }));
  const plan = makePlan(situationOf(settings, exampleFacts()));
  const engine = await MockEngine.start(migrationOutputs);
  await engine.run(() => new ClusterMigration("migration", { settings, plan }));
  const placed = engine.registered.map((each): [string, string] => [
    placeOf(engine, each),
    `${digest([canonical(each.inputs)]).slice(0, 12)} ${digest([canonical(optionsOf(engine, each))]).slice(0, 12)}`,
  ]);
  return Object.fromEntries(placed.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `parent's place / type name`, as the engine makes a URN of it. */
function placeOf(engine: MockEngine, { type, name }: Registered): string {
  const own = engine.declared.find((each) => each.type === type && each.name === name);
  const parent: Resource | undefined = own?.options.parent;
  const above = engine.declared.find(({ resource }) => resource === parent);
  const place = `${type} ${name}`;
  return above === undefined
    ? place
    : `${placeOf(engine, { ...above, inputs: {}, urn: "" })} / ${place}`;
}

/** All that the engine is told of a resource besides its place and its inputs. */
function optionsOf(engine: MockEngine, { type, name }: Registered): object {
  const called = (resource: unknown) => {
    const found = engine.declared.find((each) => each.resource === resource);
    return found && `${found.type} ${found.name}`;
  };
  const own = engine.declared.find((each) => each.type === type && each.name === name);
  if (own === undefined) return {};
  const { options } = own;
  return {
    ...options,
    parent: undefined,
    id: undefined,
    dependsOn: dependencies(options).map(called).sort(),
    deletedWith: called(options.deletedWith),
    provider: called(options.provider),
  };
}

/** JSON in which the order of an object's keys has no part. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

describe("what a stack holds at each stage", () => {
  if (process.env.KIAM_DECLARED_STATE === "1") {
    it("is written to declaredState.json", async () => {
      const all: Record<string, Record<string, string>> = {};
      for (const stage of stages) all[stage] = await declaredAt(stage);
      await writeFile(file, `${JSON.stringify(all, undefined, 2)}\n`);
    });
    return;
  }
  for (const stage of stages) {
    it(`is as committed at stage ${stage}: no place and no input is another`, async () => {
      const committed = JSON.parse(await readFile(file, "utf8")) as Record<
        string,
        Record<string, string>
      >;
      assert.deepEqual(await declaredAt(stage), committed[stage]);
    });
  }
});
