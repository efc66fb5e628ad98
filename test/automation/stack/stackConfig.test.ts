import assert from "node:assert/strict";

import { stackConfig } from "../../../automation/stack/stackConfig.js";

/* Pure. That the engine hands the same settings to the program is proven in test/lab. */

describe("stackConfig", () => {
  it("keeps every section whole, empty lists included, and encrypts those with secrets", () => {
    assert.deepEqual(
      stackConfig({
        stage: "agent",
        kiam: { region: "eu-west-1", serverTolerations: [] },
        ssh: { bastion: { host: "b", hostKey: "ssh-ed25519 A", privateKey: "KEY" } },
        workers: undefined,
      }),
      {
        stage: { value: "agent", secret: false },
        kiam: { value: '{"region":"eu-west-1","serverTolerations":[]}', secret: false },
        ssh: {
          value: '{"bastion":{"host":"b","hostKey":"ssh-ed25519 A","privateKey":"KEY"}}',
          secret: true,
        },
      },
    );
  });
});
