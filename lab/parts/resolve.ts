import { join } from "node:path";
import { cacheDirectory } from "../paths.js";
import type { Progress } from "../../automation/progress.js";
import { buildClient } from "./client.js";
import type { Context } from "./context.js";
import { engineSources } from "./engine.js";
import { type GivenParts, givenParts, requireGiven } from "./given.js";
import { identitySources } from "./identity.js";
import { kubernetesSources } from "./kubernetes.js";
import { languageHostSources } from "./languageHost.js";
import { Network } from "./network.js";
import { pluginSources } from "./plugins.js";
import { pythonEnvironment } from "./python.js";
import { corednsSources, etcdSources } from "./release.js";
import { type Source, search } from "./search.js";
import { SYSTEM_TOOLS, ensureTools, toolRows } from "./tools.js";
import { PLUGINS, type Parts, type PartRow } from "./types.js";

export interface ResolveOptions {
  /** Where builds, downloads and the Python environment are kept; default {@link cacheDirectory}. */
  cache?: string;
  /** What the user named; default: the environment variables of `GIVEN_PARTS`. */
  given?: GivenParts;
  /** Whether missing Debian packages may be installed; default true. */
  install?: boolean;
}

/**
 * Finds, or makes, everything the lab runs that is not in the checkout. For each part in this order:
 * what the user named, the official download, a build from the Go module registry, a stand-in. What
 * was downloaded or built is kept in the cache and used from there without asking the network.
 *
 * @throws when a part that the user named does not work, or one is nowhere to be had
 */
export async function resolveParts(options: ResolveOptions, progress: Progress): Promise<Parts> {
  const cache = options.cache ?? cacheDirectory();
  const install = options.install ?? true;
  const network = new Network(join(cache, "closed-hosts.json"));
  const context: Context = { given: options.given ?? givenParts(), cache, network, progress };
  await requireGiven(context.given);
  await ensureTools(SYSTEM_TOOLS, { install, progress });
  // Python waits for the network while Go keeps the processors busy; builds themselves come one by one.
  const [python, found, tools] = await Promise.all([
    pythonEnvironment(context),
    findPrograms(context, install),
    toolRows(),
  ]);
  const moto: PartRow = {
    part: "moto",
    version: python.version,
    origin: "official",
    note: python.note,
  };
  return { ...found, python: python.value, table: [...found.table, moto, ...tools] };
}

async function findPrograms(context: Context, install: boolean): Promise<Omit<Parts, "python">> {
  const engine = await find("Pulumi engine", await engineSources(context));
  const languageHost = await find(
    "Pulumi language host nodejs",
    languageHostSources(context, engine.value),
  );
  // Plugins only start and answer, or download, while the next part is built.
  const [plugins, others] = await Promise.all([
    Promise.all(
      PLUGINS.map(async (plugin) =>
        find(`Pulumi plugin ${plugin}`, await pluginSources(context, plugin, engine.value)),
      ),
    ),
    findOthers(context, install),
  ]);
  const directories = PLUGINS.map((name, index) => [name, { directory: plugins[index]?.value }]);
  const { kubernetes, etcd, coredns, kiam, kube2iam, client } = others;
  return {
    engine: { root: languageHost.value },
    plugins: Object.fromEntries(directories) as Parts["plugins"],
    kubernetes: kubernetes.value,
    etcd: etcd.value,
    coredns: coredns.value,
    kiam: kiam.value,
    kube2iam: kube2iam.value,
    client,
    table: [
      ...[engine, languageHost, ...plugins],
      ...[kubernetes, etcd, coredns, kiam, kube2iam],
    ].map(({ row }) => row),
  };
}

/** What may have to be built, one after the other: each build uses all processors. */
async function findOthers(context: Context, install: boolean) {
  return {
    kubernetes: await find("Kubernetes", await kubernetesSources(context)),
    etcd: await find("etcd", await etcdSources(context)),
    coredns: await find("CoreDNS", await corednsSources(context)),
    kiam: await find("kiam", identitySources(context, "kiam", install)),
    kube2iam: await find("kube2iam", identitySources(context, "kube2iam", install)),
    client: await buildClient(context),
  };
}

/** What a search found, and its line of the table. */
async function find<T>(
  part: string,
  sources: readonly Source<T>[],
): Promise<{ value: T; row: PartRow }> {
  const { value, version, origin, note } = await search(part, sources);
  return { value, row: { part, version, origin, note } };
}
