import { join } from "node:path";
import { type Context } from "./context.js";
import { buildGo } from "./goBuild.js";
import { CHECKOUT } from "../paths.js";

/** Builds the load client, the lab's measuring instrument: the path of a static binary. */
export async function buildClient(context: Pick<Context, "cache" | "progress">): Promise<string> {
  const directory = join(CHECKOUT, "lab", "client");
  const build = { name: "client", directory, packages: ["."], program: "client" };
  return join(await buildGo(build, context.cache, context.progress), "bin", "client");
}
