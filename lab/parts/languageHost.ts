import { LanguageRuntimeClient } from "@pulumi/pulumi/proto/language_grpc_pb";
import { copyFile, link, mkdir, realpath, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { digest, exists, publish } from "./cache.js";
import type { Context } from "./context.js";
import { pluginVersion } from "./pluginInfo.js";
import { type Found, type Source, Unavailable } from "./search.js";
import { CHECKOUT } from "../paths.js";

const NAME = "pulumi-language-nodejs";

/** The stand-in, from the directory of a checkout. */
const STAND_IN = join("lab", "standins", "languages", "nodejs", NAME);

/**
 * Where to look for the program by which the engine runs index.ts: beside the engine, as Pulumi's own
 * releases have it; this project's stand-in.
 *
 * The value is an installation root that holds bin/pulumi and the language host beside it: there the
 * engine finds it by itself, and without a warning.
 *
 * @param engine installation root of the engine
 */
export function languageHostSources(
  context: Pick<Context, "cache">,
  engine: string,
): Source<string>[] {
  return [
    {
      origin: "official",
      find: async () => {
        const host = await hostBeside(engine);
        if (host === undefined) throw new Unavailable("none lies beside the engine");
        if (host.endsWith(STAND_IN)) throw new Unavailable("a stand-in lies beside the engine");
        return verify(engine);
      },
    },
    {
      origin: "stand-in",
      find: async () => {
        const isThere = (await hostBeside(engine)) === (await realpath(join(CHECKOUT, STAND_IN)));
        const root = isThere ? engine : await withStandIn(engine, context.cache);
        return { ...(await verify(root)), note: "runs index.ts for the command pulumi" };
      },
    },
  ];
}

/** Where the language host beside an engine really is; undefined where there is none. */
async function hostBeside(engine: string): Promise<string | undefined> {
  const host = join(engine, "bin", NAME);
  return (await exists(host)) ? realpath(host) : undefined;
}

/**
 * The same engine with the stand-in beside it. The engine looks beside its own file and follows links
 * to it, so it cannot be a symbolic link.
 */
async function withStandIn(engine: string, cache: string): Promise<string> {
  const pulumi = await realpath(join(engine, "bin", "pulumi"));
  const standIn = join(CHECKOUT, STAND_IN);
  // An engine that is replaced where it is must not be taken for the former one.
  const { size, mtimeMs } = await stat(pulumi);
  const key = digest({ pulumi, standIn, as: `${size} ${mtimeMs}` });
  return publish(join(cache, "engines", `pulumi-${key}`), async (staging) => {
    const bin = join(staging, "bin");
    await mkdir(bin, { recursive: true });
    const copy = join(bin, "pulumi");
    // Not possible from one file system to another.
    await link(pulumi, copy).catch(() => copyFile(pulumi, copy));
    await symlink(standIn, join(bin, NAME));
  });
}

async function verify(root: string): Promise<Found<string>> {
  const version = await pluginVersion(join(root, "bin", NAME), LanguageRuntimeClient);
  return { value: root, version };
}
