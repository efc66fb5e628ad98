import { execa } from "execa";
import { readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { programPath } from "../parts/tools.js";
import type { Entry } from "./archive.js";

/** Directories and files that programs expect everywhere. */
const COMMON: readonly Entry[] = [
  { type: "file", path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\n" },
  { type: "file", path: "etc/group", content: "root:x:0:\n" },
  // Without it Go programs ask DNS before /etc/hosts.
  { type: "file", path: "etc/nsswitch.conf", content: "hosts: files dns\n" },
  // Where kiam's and kube2iam's manifests mount the host's certificates.
  { type: "directory", path: "etc/ssl/certs" },
  { type: "directory", path: "root", mode: 0o700 },
  { type: "directory", path: "run" },
  { type: "directory", path: "tmp", mode: 0o1777 },
];

/** A small system: the common files and busybox with all its applets in /bin. */
export async function baseSystem(): Promise<Entry[]> {
  const busybox = await realProgram("busybox");
  const { stdout } = await execa(busybox, ["--list"]);
  const applets = stdout.split("\n").filter((name) => name !== "" && name !== "busybox");
  return withDirectories([
    ...COMMON,
    { type: "copy", path: "bin/busybox", source: busybox },
    ...applets.map((name): Entry => ({
      type: "symlink",
      path: `bin/${name}`,
      target: "/bin/busybox",
    })),
    ...(await sharedObjects([busybox])),
  ]);
}

/**
 * The machine's iptables, both of its backends, with the extensions that rules may name. Plain
 * `iptables` is the backend that it is on the machine, so that images and nodes use one table.
 */
export async function iptables(): Promise<Entry[]> {
  const nft = await realProgram("xtables-nft-multi");
  const legacy = await realProgram("xtables-legacy-multi");
  const usual = await realProgram("iptables");
  const extensionDirectory = await findExtensions(legacy);
  const extensions = (await readdir(extensionDirectory))
    .filter((name) => name.endsWith(".so"))
    .map((name) => join(extensionDirectory, name));
  const names = ["", "-save", "-restore"].flatMap((verb) =>
    ["iptables", "ip6tables"].flatMap((program): [string, string][] => [
      [`${program}${verb}`, usual === legacy ? "legacy" : "nft"],
      [`${program}-nft${verb}`, "nft"],
      [`${program}-legacy${verb}`, "legacy"],
    ]),
  );
  return withDirectories([
    { type: "copy", path: "usr/sbin/xtables-nft-multi", source: nft },
    { type: "copy", path: "usr/sbin/xtables-legacy-multi", source: legacy },
    ...names.flatMap(([name, backend]): Entry[] =>
      ["sbin", "usr/sbin"].map((directory) => ({
        type: "symlink",
        path: `${directory}/${name}`,
        target: `/usr/sbin/xtables-${backend}-multi`,
      })),
    ),
    ...extensions.map((source): Entry => ({
      type: "copy",
      path: source.slice(1),
      source,
      mode: 0o644,
    })),
    ...(await sharedObjects([nft, legacy, ...extensions])),
  ]);
}

/** Joins contents; what several bring along at one path appears once. */
export function combine(...contents: readonly (readonly Entry[])[]): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const entry of contents.flat()) byPath.set(entry.path, entry);
  return withDirectories([...byPath.values()]);
}

/** Adds the directories that the paths need, which importers do not all make by themselves. */
function withDirectories(entries: readonly Entry[]): Entry[] {
  const paths = new Set(entries.map((entry) => entry.path));
  const added: Entry[] = [];
  for (const entry of entries) {
    for (let path = dirname(entry.path); path !== "."; path = dirname(path)) {
      if (paths.has(path)) continue;
      paths.add(path);
      added.push({ type: "directory", path });
    }
  }
  return [...entries, ...added];
}

/** The shared objects, loader included, that these programs and libraries need; none for static ones. */
async function sharedObjects(files: readonly string[]): Promise<Entry[]> {
  // ldd says "not a dynamic executable" of a static one, with exit status 1.
  const { stdout } = await execa("ldd", files, { reject: false });
  const found = new Set<string>();
  for (const line of stdout.split("\n")) {
    const missing = /^\s*(\S+) => not found/.exec(line);
    if (missing) throw new Error(`ldd ${files.join(" ")}: ${missing[1]} is not on this machine`);
    const path = /(?:=>\s+|^\s+)(\/\S+) \(0x/.exec(line)?.[1];
    if (path) found.add(path);
  }
  return Promise.all(
    [...found].map(async (path): Promise<Entry> => ({
      type: "copy",
      // The path by which it is asked for; the content of what lies there.
      path: path.slice(1),
      source: await realpath(path),
    })),
  );
}

/** Distributions keep iptables' extensions in xtables/ beside their other libraries. */
async function findExtensions(program: string): Promise<string> {
  const libraries = await sharedObjects([program]);
  const beside = libraries.map((entry) => `/${dirname(entry.path)}`);
  const candidates = beside.flatMap((directory) => [
    join("/usr", directory.replace(/^\/usr/, ""), "xtables"),
    join(directory, "xtables"),
  ]);
  for (const candidate of candidates) {
    const names = await readdir(candidate).catch((): string[] => []);
    if (names.includes("libxt_DNAT.so") || names.includes("libxt_standard.so")) return candidate;
  }
  throw new Error(`iptables' extensions are in none of ${[...new Set(candidates)].join(", ")}`);
}

async function realProgram(name: string): Promise<string> {
  const path = await programPath(name);
  if (path === undefined) throw new Error(`${name} is not on this machine`);
  return realpath(path);
}
