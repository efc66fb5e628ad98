/* The other end of inOperatorNetwork.ts: calls one exported function and sends what it returns. */
import { sendMessage } from "execa";

import { messageOf } from "../migration/messageOf.js";
import type { Outcome } from "./inOperatorNetwork.js";

async function main(): Promise<Outcome> {
  const [module = "", name = "", args = "[]"] = process.argv.slice(2);
  const exported = (await import(module)) as Record<string, (...values: unknown[]) => unknown>;
  const call = exported[name];
  if (call === undefined) return { error: `${module} exports no ${name}` };
  try {
    return { result: (await call(...(JSON.parse(args) as unknown[]))) ?? null };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

void main()
  .then((outcome) => sendMessage(JSON.parse(JSON.stringify(outcome)) as Record<string, string>))
  .finally(() => process.exit());
