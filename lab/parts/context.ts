import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Progress } from "../../automation/progress.js";
import { messageOf } from "../../migration/text/text.js";
import { CHECKOUT } from "../paths.js";
import { type GivenPart, type GivenParts, howToGive } from "./given.js";
import type { Network } from "./network.js";
import { type Found, type Source, Unavailable } from "./search.js";

/** What every search for a part is handed. */
export interface Context {
  given: GivenParts;
  cache: string;
  network: Network;
  progress: Progress;
}

/** Directory of a Go module below lab/parts. */
export function partModule(name: string): string {
  return join(CHECKOUT, "lab", "parts", name);
}

/**
 * What the user named. Not named is Unavailable; named and not working ends the search, for a part
 * that the user chose is never silently replaced.
 */
export function givenSource<T>(
  context: Context,
  part: GivenPart,
  verify: (path: string) => Promise<Found<T>>,
): Source<T> {
  return {
    origin: "given",
    find: async () => {
      const path = context.given[part];
      if (!path) throw new Unavailable(`not named (${howToGive(part)})`);
      try {
        return await verify(path);
      } catch (error) {
        throw new Error(
          `${howToGive(part)} names ${path}, which does not work: ${messageOf(error)}\n` +
            "Correct the path, or leave it out to let the lab find one.",
          { cause: error },
        );
      }
    },
  };
}

/** The version that a Go module of lab/parts requires of a dependency: `v1.34.2`. */
export async function requiredVersion(name: string, dependency: string): Promise<string> {
  const path = join(partModule(name), "go.mod");
  const words = new RegExp(`^(?:require)?\\s*${escape(dependency)} (v\\S+)`, "m");
  const version = words.exec(await readFile(path, "utf8"))?.[1];
  if (version === undefined) throw new Error(`${path} does not require ${dependency}`);
  return version;
}

/** The version of an installed npm package: `4.34.2`. */
export async function packageVersion(name: string): Promise<string> {
  const path = join(CHECKOUT, "node_modules", name, "package.json");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Error(`${path} cannot be read: run npm ci first.`, { cause });
  });
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/** The architecture as Go and the authors of Go programs name it. */
export function goArchitecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
