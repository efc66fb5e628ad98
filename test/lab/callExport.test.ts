import assert from "node:assert/strict";
import { join } from "node:path";

import { execa } from "execa";

import { CHECKOUT, TYPESCRIPT } from "../../lab/paths.js";

/*
 * A function that is called in a process of its own, as in the operator's network; that it is in
 * that network is for the embedded cluster.
 */

describe("a function in a process of its own", () => {
  async function call(module: string, name: string, args: unknown[]): Promise<unknown> {
    const child = execa(
      process.execPath,
      [...TYPESCRIPT, join(CHECKOUT, "lab", "callExport.ts"), module, name, JSON.stringify(args)],
      { ipc: true, serialization: "json" },
    );
    const outcome = await child.getOneMessage();
    await child;
    return outcome;
  }

  const natRules = join(CHECKOUT, "lab", "natRules.ts");

  it("returns what it returns, also from a module that imports others", async () => {
    const rule =
      "-A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8881";
    assert.deepEqual(await call(natRules, "systemsInOrder", [[rule], "10.0.0.1"]), {
      result: ["kiam"],
    });
  });

  it("says what it threw, and what could not be loaded", async () => {
    const thrown = (await call(natRules, "systemsInOrder", [])) as { error: string };
    assert.match(thrown.error, /undefined/);
    const missing = (await call("/no/such.ts", "x", [])) as { error: string };
    assert.match(missing.error, /no\/such\.ts/);
    assert.deepEqual(await call(natRules, "nothing", []), {
      error: `${natRules} exports no nothing`,
    });
  });
});
