/* The other end of inOperatorNetwork.ts: calls one exported function and sends what it returns. */
import { createRequire } from "node:module";

import { sendMessage } from "execa";

import { messageOf } from "../migration/text/text.js";
import type { Outcome } from "./inOperatorNetwork.js";

async function main(): Promise<Outcome> {
  const [module = "", name = "", args = "[]"] = process.argv.slice(2);
  try {
    // Not import(): Node itself would take the file for a module, and not find what it imports.
    const exported = createRequire(__filename)(module) as Record<
      string,
      (...values: unknown[]) => unknown
    >;
    const call = exported[name];
    if (call === undefined) return { error: `${module} exports no ${name}` };
    return { result: (await call(...(JSON.parse(args) as unknown[]))) ?? null };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

void main()
  .then((outcome) => sendMessage(JSON.parse(JSON.stringify(outcome)) as Record<string, string>))
  .finally(() => process.exit());
