import { createHash, randomUUID } from "node:crypto";
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import Module, { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";

import type { Plugin } from "esbuild";

/*
 * A program that many short processes run is loaded as one file. Read module by module, the
 * packages that a gate needs take longer to load than the gate takes to do its work.
 */

const checkout = resolve(__dirname, "../..");

/**
 * A bundle holds the places of its sources, so it is this checkout's alone, also where another one
 * has a copy of its node_modules.
 */
const cache = join(checkout, "node_modules/.cache/kube2iam-to-kiam", digest(checkout).slice(0, 16));

/** How bundles are made, and what npm has installed: a bundle holds packages of just these. */
const always = [relative(checkout, __filename), "node_modules/.package-lock.json"];

/** Native code is not bundled; and ssh2 looks for its own beside itself. */
const alwaysOutside = ["*.node", "ssh2"];

/** What is known of a bundle. */
interface BundleRecord {
  /** Its file in the cache. */
  file: string;
  /** Digest of that file: one that was cut short is not run. */
  digest: string;
  /** Digest of each file of this checkout that it was made of, by path. */
  sources: { [path: string]: string };
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
    const name = relative(checkout, entry).replaceAll("/", "-");
    bundle = readBundle(name) ?? (await makeBundle(name, entry, outside));
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

/** Undefined where there is none that is whole and of the present sources. */
function readBundle(name: string): { file: string; text: string } | undefined {
  try {
    const record = JSON.parse(readFileSync(recordOf(name), "utf8")) as BundleRecord;
    const isAsItWas = ([path, was]: [string, string]) => digestOf(path) === was;
    const file = join(cache, record.file);
    const bytes = readFileSync(file);
    const good = Object.entries(record.sources).every(isAsItWas) && digest(bytes) === record.digest;
    // It is ASCII, of which this encoding takes a third of the time that UTF-8 takes.
    return good ? { file, text: bytes.toString("latin1") } : undefined;
  } catch {
    return undefined; // None was made yet, or something of it is gone.
  }
}

function recordOf(name: string): string {
  return join(cache, `${name}.json`);
}

function digestOf(path: string): string {
  return digest(readFileSync(join(checkout, path)));
}

function digest(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

async function makeBundle(
  name: string,
  entry: string,
  outside: readonly string[],
): Promise<{ file: string; text: string }> {
  mkdirSync(cache, { recursive: true });
  accessSync(cache, constants.W_OK);
  const sources = Object.fromEntries(always.map((path) => [path, digestOf(path)]));
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [entry],
    absWorkingDir: checkout,
    bundle: true,
    platform: "node",
    format: "cjs",
    // Names stay as they are: a stack trace has to be read.
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: true,
    charset: "ascii",
    external: [...alwaysOutside, ...outside],
    plugins: [ownSources(sources)],
    write: false,
    logLevel: "silent",
  });
  const text = outputFiles[0]?.text ?? "";
  const record: BundleRecord = {
    file: `${name}.${randomUUID()}.cjs`,
    digest: digest(text),
    sources,
  };
  publish(join(cache, record.file), text);
  publish(recordOf(name), JSON.stringify(record));
  // Former ones, and what a run that was killed has left half-made.
  for (const other of readdirSync(cache)) {
    const isKept = other === record.file || join(cache, other) === recordOf(name);
    if (other.startsWith(`${name}.`) && !isKept) rmSync(join(cache, other), { force: true });
  }
  return { file: join(cache, record.file), text };
}

/** Several processes may make the same file at once; none reads one that is half-made. */
function publish(file: string, content: string): void {
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, content);
  renameSync(draft, file);
}

/**
 * This checkout's own sources: the digest of what was read of each is noted, so that one that is
 * changed meanwhile counts as changed; and one that reads a file beside itself still finds it.
 */
function ownSources(digests: { [path: string]: string }): Plugin {
  return {
    name: "own sources",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const own = relative(checkout, path);
        if (/^(\.\.|node_modules)[\\/]/.test(own)) return undefined;
        const text = await readFile(path, "utf8");
        digests[own] = digest(text);
        const place = `const __dirname = ${JSON.stringify(dirname(path))};\n`;
        return { contents: text.includes("__dirname") ? place + text : text, loader: "ts" };
      });
    },
  };
}
