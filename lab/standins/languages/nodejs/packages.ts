/**
 * The npm packages that a program can load. What cannot be read, or is no package, is passed over, as
 * the official host does: the program's own import says what is wrong with it.
 */
import { readFile, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

const packageJson = z.object({
  name: z.string(),
  version: z.string(),
  /** A provider's SDK says here which plugin it needs. */
  pulumi: z
    .object({
      resource: z.boolean().optional(),
      name: z.string().optional(),
      version: z.string().optional(),
      server: z.string().optional(),
    })
    .optional(),
});
export type InstalledPackage = z.infer<typeof packageJson>;

const programJson = z.object({
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

/** Every package in the directory's node_modules, and in theirs. */
export async function installedPackages(directory: string): Promise<InstalledPackage[]> {
  return packagesIn(join(directory, "node_modules"), new Set());
}

/** The packages that the program's own package.json names, as they are installed. */
export async function programDependencies(directory: string): Promise<InstalledPackage[]> {
  const text = await readFile(join(directory, "package.json"), "utf8");
  const { dependencies, devDependencies } = programJson.parse(JSON.parse(text));
  const names = Object.keys({ ...dependencies, ...devDependencies }).sort();
  const found = await Promise.all(
    names.map((name) => readPackage(join(directory, "node_modules", name))),
  );
  return found.flat();
}

/** @param seen directories that were read; packages may link to each other */
async function packagesIn(directory: string, seen: Set<string>): Promise<InstalledPackage[]> {
  const names = await readdir(directory).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => !name.startsWith("."))
      .sort()
      .map(async (name) => {
        const path = join(directory, name);
        if (name.startsWith("@")) return packagesIn(path, seen);
        const place = await realpath(path).catch(() => undefined);
        if (place === undefined || seen.has(place)) return [];
        seen.add(place);
        const own = await readPackage(place);
        return [...own, ...(await packagesIn(join(place, "node_modules"), seen))];
      }),
  );
  return found.flat();
}

async function readPackage(directory: string): Promise<InstalledPackage[]> {
  try {
    return [packageJson.parse(JSON.parse(await readFile(join(directory, "package.json"), "utf8")))];
  } catch {
    return [];
  }
}
