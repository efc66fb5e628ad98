import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type Header, extract, pack } from "tar-stream";
import { z } from "zod";
import { add, header } from "./archive.js";

const Manifest = z
  .array(
    z.looseObject({
      Config: z.string(),
      RepoTags: z.array(z.string()).nullish(),
      Layers: z.array(z.string()),
    }),
  )
  .min(1);
type Manifest = z.infer<typeof Manifest>;

const GZIP = Buffer.from([0x1f, 0x8b]);

/** Whether a file is a tar archive, compressed with gzip or not, rather than a program. */
export async function isImage(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const start = Buffer.alloc(262);
    await file.read(start, 0, start.length, 0);
    return start.subarray(0, 2).equals(GZIP) || start.subarray(257, 262).toString() === "ustar";
  } finally {
    await file.close();
  }
}

/** The names that a docker-archive has for its images; empty when it names none. */
export async function readImageTags(path: string): Promise<string[]> {
  return (await readManifest(path)).flatMap((image) => image.RepoTags ?? []);
}

/**
 * Copies a docker-archive so that its image has the name under which manifests ask for it.
 *
 * @throws when it holds several images and none has that name
 */
export async function retagImage(source: string, tag: string, destination: string): Promise<void> {
  const images = await readManifest(source);
  const chosen = images.find((image) => image.RepoTags?.includes(tag)) ?? images[0];
  if (images.length > 1 && !chosen?.RepoTags?.includes(tag)) {
    throw new Error(
      `${source} holds ${images.length} images and none is ${tag}: ` +
        `${images.flatMap((image) => image.RepoTags ?? []).join(", ")}. Save only the one you mean.`,
    );
  }
  const archive = pack();
  const written = pipeline(archive, createWriteStream(destination));
  await eachFile(source, async (entry, content) => {
    // Newer docker saves an OCI layout beside the manifest; importers prefer it, with its own names.
    if (["manifest.json", "repositories", "index.json", "oci-layout"].includes(entry.name)) {
      content.resume();
      return;
    }
    if (entry.type === "file") await pipeline(content, archive.entry({ ...entry }));
    else archive.entry({ ...entry });
  });
  await add(
    archive,
    header("manifest.json", "file", 0o644),
    JSON.stringify([{ ...chosen, RepoTags: [tag] }]),
  );
  archive.finalize();
  await written;
}

async function readManifest(path: string): Promise<Manifest> {
  let manifest: Manifest | undefined;
  await eachFile(path, async (entry, content) => {
    if (entry.name === "manifest.json")
      manifest = Manifest.parse(JSON.parse((await buffer(content)).toString()));
    else content.resume();
  });
  if (manifest) return manifest;
  throw new Error(
    `${path} is not an image as \`docker save\` writes it: it holds no manifest.json. ` +
      "skopeo copy oci-archive:<it> docker-archive:<new file>:<name> turns an OCI archive into one.",
  );
}

async function eachFile(
  path: string,
  visit: (entry: Header, content: Readable) => Promise<void>,
): Promise<void> {
  const file = await open(path);
  const start = Buffer.alloc(2);
  await file.read(start, 0, 2, 0);
  await file.close();
  const reader = extract();
  const read = start.equals(GZIP)
    ? pipeline(createReadStream(path), createGunzip(), reader)
    : pipeline(createReadStream(path), reader);
  // Errors surface through `read`; this keeps them from being unhandled while entries are visited.
  read.catch(() => {});
  for await (const entry of reader) await visit(entry.header, entry as unknown as Readable);
  await read;
}
