import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import Module, { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";

import type { Plugin } from "esbuild";

/*
 * A program that many short processes run is loaded as one file. Read module by module, the
 * packages that a gate needs take longer to load than the gate takes to do its work.
 */

const checkout = resolve(__dirname, "..");
const cache = join(checkout, "node_modules", ".cache", "kube2iam-to-kiam");

/** What npm has installed, with versions; a bundle holds packages of just these. */
const installed = "node_modules/.package-lock.json";

/** How bundles are made. */
const own = relative(checkout, __filename);

/** Native code is not bundled; and ssh2 looks for its own beside itself. */
const alwaysOutside = ["*.node", "ssh2"];

/** What a bundle was made of. */
interface Bundle {
  /** Its file in the cache. */
  file: string;
  /** Digest of each file of this checkout that is in it, by path. */
  sources: Record<string, string>;
}

/**
 * Loads a program of this checkout as one file that is made when it first runs, and made again
 * when anything in it has changed. Where that cannot be (a checkout that may not be written to),
 * its modules are loaded one by one, which only takes longer.
 *
 * @param entry absolute path of the program's TypeScript file
 * @param outside packages that find parts of their own only where they are, such as `@pulumi/*`
 * @returns what it exports
 */
export async function loadProgram<Exports>(
  entry: string,
  outside: readonly string[] = [],
): Promise<Exports> {
  let bundle: { file: string; text: string };
  try {
    const { file } = upToDate(entry) ?? (await makeBundle(entry, outside));
    bundle = { file, text: readFileSync(file, "utf8") };
  } catch {
    // The modules themselves say what is wrong with them, if anything is.
    return createRequire(entry)(entry) as Exports;
  }
  return evaluate(bundle) as Exports;
}

/**
 * As require() does it, but past the hooks of tsx: they would look through the whole bundle for
 * TypeScript, each time.
 */
function evaluate({ file, text }: { file: string; text: string }): unknown {
  const module = new Module(file) as Module & { _compile(text: string, file: string): void };
  module.filename = file;
  module.paths = createRequire(file).resolve.paths("x") ?? [];
  module._compile(text, file);
  return module.exports;
}

function recordOf(entry: string): string {
  return join(cache, `${relative(checkout, entry).replaceAll("/", "-")}.json`);
}

function readRecord(entry: string): Bundle | undefined {
  try {
    return JSON.parse(readFileSync(recordOf(entry), "utf8")) as Bundle;
  } catch {
    return undefined; // None was made yet.
  }
}

function upToDate(entry: string): Bundle | undefined {
  const bundle = readRecord(entry);
  const changed = ([path, was]: [string, string]) => digestOf(path) !== was;
  return bundle === undefined || Object.entries(bundle.sources).some(changed) ? undefined : bundle;
}

/** Of a file that is gone: none that a bundle was made of. */
function digestOf(path: string): string {
  try {
    return digest(readFileSync(join(checkout, path)));
  } catch {
    return "gone";
  }
}

function digest(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

async function makeBundle(entry: string, outside: readonly string[]): Promise<Bundle> {
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: checkout,
    bundle: true,
    platform: "node",
    format: "cjs",
    // Names stay as they are: a stack trace has to be read.
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: true,
    external: [...alwaysOutside, ...outside],
    plugins: [placesOfSources],
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const text = outputFiles[0]?.contents ?? new Uint8Array();
  const paths = Object.keys(metafile.inputs).filter((path) => !path.startsWith("node_modules/"));
  const bundle: Bundle = {
    file: join(cache, `${basename(entry, ".ts")}-${digest(text).slice(0, 16)}.cjs`),
    sources: Object.fromEntries([installed, own, ...paths].map((path) => [path, digestOf(path)])),
  };
  mkdirSync(cache, { recursive: true });
  const former = readRecord(entry);
  publish(bundle.file, text);
  publish(recordOf(entry), JSON.stringify(bundle));
  // Whoever is just about to read it loads the modules instead.
  if (former !== undefined && former.file !== bundle.file) rmSync(former.file, { force: true });
  return bundle;
}

/** Several processes may make the same at once; none sees a half of it. */
function publish(file: string, content: string | Uint8Array): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content);
  renameSync(draft, file);
}

/** A source that reads a file beside itself still finds it from within the bundle. */
const placesOfSources: Plugin = {
  name: "places of sources",
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      if (!text.includes("__dirname") || path.includes("/node_modules/")) return undefined;
      const place = `const __dirname = ${JSON.stringify(dirname(path))};`;
      return { contents: `${place}\n${text}`, loader: "ts" };
    });
  },
};
