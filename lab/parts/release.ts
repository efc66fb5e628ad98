import { execa } from "execa";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exists, publish } from "./cache.js";
import {
  type Context,
  givenSource,
  goArchitecture,
  partModule,
  requiredVersion,
} from "./context.js";
import { type GoBuild, buildGo, isBuilt } from "./goBuild.js";
import { type Found, type Source, Unavailable } from "./search.js";
import { reportedVersion } from "./version.js";

/** A single program, released on GitHub as a tar archive with a list of checksums. */
interface Release {
  name: "etcd" | "coredns";
  /** The Go module whose version is meant. */
  module: string;
  /** Address of the release's files, the archive's and the checksums' name. */
  files(version: string): { base: string; archive: string; checksums: string };
  versionArguments: string[];
  versionPattern: RegExp;
}

const ETCD: Release = {
  name: "etcd",
  module: "go.etcd.io/etcd/server/v3",
  files: (version) => ({
    base: `https://github.com/etcd-io/etcd/releases/download/${version}`,
    archive: `etcd-${version}-linux-${goArchitecture()}.tar.gz`,
    checksums: "SHA256SUMS",
  }),
  versionArguments: ["--version"],
  versionPattern: /etcd Version: (\S+)/,
};

const COREDNS: Release = {
  name: "coredns",
  module: "github.com/coredns/coredns",
  files: (version) => {
    const archive = `coredns_${version.slice(1)}_linux_${goArchitecture()}.tgz`;
    const base = `https://github.com/coredns/coredns/releases/download/${version}`;
    return { base, archive, checksums: `${archive}.sha256` };
  },
  versionArguments: ["-version"],
  versionPattern: /CoreDNS-(\S+)/,
};

export const etcdSources = (context: Context): Promise<Source<string>[]> => sources(context, ETCD);
export const corednsSources = (context: Context): Promise<Source<string>[]> =>
  sources(context, COREDNS);

async function sources(context: Context, release: Release): Promise<Source<string>[]> {
  const version = await requiredVersion(release.name, release.module);
  const build: GoBuild = {
    name: release.name,
    directory: partModule(release.name),
    packages: ["."],
    program: release.name,
  };
  const verify = async (path: string): Promise<Found<string>> => ({
    value: path,
    version: await reportedVersion(path, release.versionArguments, release.versionPattern),
  });
  return [
    givenSource(context, release.name, verify),
    {
      origin: "official",
      find: async () => {
        const directory = join(context.cache, "official", `${release.name}-${version}`);
        if (!(await exists(directory)) && (await isBuilt(build, context.cache)))
          throw new Unavailable("not asked for: a build is in the cache");
        return verify(join(await download(context, release, version, directory), release.name));
      },
    },
    {
      origin: "built",
      find: async () => {
        const directory = await buildGo(build, context.cache, context.progress);
        return verify(join(directory, "bin", release.name));
      },
    },
  ];
}

async function download(
  context: Context,
  release: Release,
  version: string,
  directory: string,
): Promise<string> {
  if (await exists(directory)) return directory;
  const { base, archive, checksums } = release.files(version);
  await context.network.requireHost(`${base}/${checksums}`);
  return context.progress.run(`Downloading ${release.name} ${version}`, (step) =>
    publish(directory, async (staging) => {
      await mkdir(staging, { recursive: true });
      const list = await context.network.text(`${base}/${checksums}`);
      const file = join(staging, archive);
      await context.network.file(`${base}/${archive}`, file, checksumOf(list, archive), step);
      // etcd's archive has a directory around its files, CoreDNS's has none.
      const { stdout } = await execa("tar", ["-tzf", file]);
      const entry = stdout.split("\n").find((name) => name.split("/").pop() === release.name);
      if (entry === undefined) throw new Error(`${base}/${archive} holds no ${release.name}`);
      const strip = `--strip-components=${entry.split("/").length - 1}`;
      await execa("tar", ["-xzf", file, "-C", staging, "--no-same-owner", strip, entry]);
      await rm(file);
    }),
  );
}

/** The SHA-256 of a file in a list in the format of sha256sum. */
export function checksumOf(list: string, file: string): string {
  for (const line of list.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    // CoreDNS's lists hold the path at which its release was made.
    if (sum && name?.split("/").pop() === file) return sum;
  }
  throw new Error(`the published checksums do not mention ${file}:\n${list.slice(0, 500)}`);
}
