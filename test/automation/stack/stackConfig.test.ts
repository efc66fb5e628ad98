import assert from "node:assert/strict";

import { stackConfig } from "../../../automation/stack/stackConfig.js";

/* Pure. That the engine hands the same settings to the program is proven in test/lab. */

describe("stackConfig", () => {
  it("keeps every section as an object, empty lists included, and secrets by their path", () => {
    assert.deepEqual(
      stackConfig({
        stage: "agent",
        kiam: { region: "eu-west-1", serverTolerations: [] },
        ssh: { bastion: { host: "b", hostKey: "ssh-ed25519 A", privateKey: "KEY" } },
        workers: undefined,
      }),
      {
        sections: {
          stage: "agent",
          kiam: { region: "eu-west-1", serverTolerations: [] },
          ssh: { bastion: { host: "b", hostKey: "ssh-ed25519 A" } },
        },
        secrets: { "ssh.bastion.privateKey": { value: "KEY", secret: true } },
      },
    );
  });
});
