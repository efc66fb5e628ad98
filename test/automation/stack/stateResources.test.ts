import assert from "node:assert/strict";

import { stateResources } from "../../../automation/stack/stateResources.js";

/* Pure: what is taken from a state as `pulumi stack export` has it. */

const urn = (name: string) =>
  `urn:pulumi:s::p::kube2iam-to-kiam:index:ClusterMigration$kube2iam-to-kiam:index:WorkerCutover$command:local:Command::${name}`;

const of = (...resources: object[]) => stateResources({ version: 3, deployment: { resources } });

describe("resources of a state", () => {
  it("have the components they are part of, and what a command was given", () =>
    assert.deepEqual(
      of({ urn: urn("w-cutover-live"), modified: "2026-01-02T03:04:05Z", inputs: { stdin: "{}" } }),
      [
        {
          type: "command:local:Command",
          name: "w-cutover-live",
          within: ["ClusterMigration", "WorkerCutover"],
          modified: "2026-01-02T03:04:05Z",
          stdin: "{}",
          create: undefined,
        },
      ],
    ));

  it("tell nothing of a secret, and leave out what only waits for its deletion", () => {
    const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
    assert.equal(
      of({ urn: urn("a"), inputs: { stdin: secret, create: "c" } })[0]?.stdin,
      undefined,
    );
    assert.deepEqual(of({ urn: urn("a"), delete: true }), []);
  });

  it("are none where a stack was never updated", () =>
    assert.deepEqual(stateResources({ version: 3, deployment: undefined }), []));
});
