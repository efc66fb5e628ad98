import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { type Header as TarHeader, type Pack, pack } from "tar-stream";
import { sha256Of } from "../parts/network.js";

/** One thing in an image. Paths have no leading slash. */
export type Entry =
  | { type: "directory"; path: string; mode?: number }
  | { type: "file"; path: string; content: string; mode?: number }
  | { type: "copy"; path: string; source: string; mode?: number }
  | { type: "symlink"; path: string; target: string };

export interface Image {
  tag: string;
  entries: readonly Entry[];
  entrypoint?: readonly string[];
  /** PATH for what runs in it; default the usual one. */
  path?: string;
}

/** What tar-stream wants to know of an entry. */
type Header = Partial<TarHeader> & Pick<TarHeader, "name">;

const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Writes an image of one layer as a docker-archive. The same entries give the same bytes: no times,
 * no owners, entries in the order of their paths.
 */
export async function writeImage(image: Image, destination: string): Promise<void> {
  const layer = `${destination}.layer`;
  try {
    const digest = await writeLayer(image.entries, layer);
    const config = JSON.stringify({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: {
        Env: [`PATH=${image.path ?? USUAL_PATH}`],
        ...(image.entrypoint ? { Entrypoint: image.entrypoint } : {}),
      },
      rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
    });
    const configName = `${createHash("sha256").update(config).digest("hex")}.json`;
    const manifest = JSON.stringify([
      { Config: configName, RepoTags: [image.tag], Layers: ["layer.tar"] },
    ]);
    const archive = pack();
    const written = pipeline(archive, createWriteStream(destination));
    await add(archive, header(configName, "file", 0o644), config);
    await add(archive, header("layer.tar", "file", 0o644), layer, "path");
    await add(archive, header("manifest.json", "file", 0o644), manifest);
    archive.finalize();
    await written;
  } finally {
    await rm(layer, { force: true });
  }
}

/** @returns the layer's SHA-256 */
async function writeLayer(entries: readonly Entry[], destination: string): Promise<string> {
  const layer = pack();
  const written = pipeline(layer, createWriteStream(destination));
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (const entry of sorted) {
    switch (entry.type) {
      case "directory":
        await add(layer, header(`${entry.path}/`, "directory", entry.mode ?? 0o755), "");
        break;
      case "file":
        await add(layer, header(entry.path, "file", entry.mode ?? 0o644), entry.content);
        break;
      case "copy":
        await add(layer, header(entry.path, "file", entry.mode ?? 0o755), entry.source, "path");
        break;
      case "symlink":
        await add(layer, { ...header(entry.path, "symlink", 0o777), linkname: entry.target }, "");
        break;
    }
  }
  layer.finalize();
  await written;
  return sha256Of(destination);
}

export function header(name: string, type: Header["type"], mode: number): Header {
  return { name, type, mode, mtime: new Date(0), uid: 0, gid: 0 };
}

/**
 * Adds one entry to an archive.
 *
 * @param content the content itself, or with "path" where it is to be read from
 */
export async function add(
  archive: Pack,
  entry: Header,
  content: string,
  kind: "content" | "path" = "content",
): Promise<void> {
  if (kind === "content") {
    await new Promise<void>((resolve, reject) => {
      archive.entry(entry, content, (error) => (error ? reject(error) : resolve()));
    });
    return;
  }
  const { size } = await stat(content);
  await pipeline(createReadStream(content), archive.entry({ ...entry, size }));
}
