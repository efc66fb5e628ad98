import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { UserTerminal } from "./userTerminal.js";

const script = `
import { migrate, openStack, rollback } from "kube2iam-to-kiam";

const [way, to] = process.argv.slice(2);
const stack = await openStack({ stack: "staging" });
const { moves } = await (way === "back" ? rollback : migrate)(stack, { to, approve: true });
console.log(JSON.stringify(moves));
`;

/** Has a script of the user's move their stack, through the package's API. */
export async function moveByScript(user: UserTerminal, way: "there" | "back", to: string) {
  await writeFile(join(user.project, "move.mjs"), script);
  const said = await user.typed(`node move.mjs ${way} ${to}`);
  return JSON.parse(said.slice(said.lastIndexOf("\n") + 1)) as { at: string; steps: string[] }[];
}
