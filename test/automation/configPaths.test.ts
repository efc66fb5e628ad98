import assert from "node:assert/strict";

import { configPaths } from "../../automation/configPaths.js";
import { secretSettings } from "../../migration/settings.js";

/* Pure. That the engine reads these paths back as the same settings is proven in test/lab. */

describe("configPaths", () => {
  it("flattens settings into paths that `pulumi config set --path` takes", () => {
    const config = configPaths(
      {
        stage: "agent",
        ssh: { privateKey: "KEY", hostKeys: { "ip-10-0-0-1.ec2.internal": "ssh-ed25519 A" } },
        iam: { applicationRoles: [{ name: "probe" }], manage: true },
        workers: { waveSize: 2, selector: undefined },
      },
      (path) => secretSettings.test(path),
    );
    assert.deepEqual(config, {
      stage: { value: "agent", secret: false },
      'ssh["privateKey"]': { value: "KEY", secret: true },
      'ssh["hostKeys"]["ip-10-0-0-1.ec2.internal"]': { value: "ssh-ed25519 A", secret: false },
      'iam["applicationRoles"][0]["name"]': { value: "probe", secret: false },
      'iam["manage"]': { value: "true", secret: false },
      'workers["waveSize"]': { value: "2", secret: false },
    });
  });
});
