import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { type Image, writeImage } from "../../lab/images/archive.js";
import { combine } from "../../lab/images/contents.js";
import { isImage, readImageTags, retagImage } from "../../lab/images/savedImage.js";

// What these tests do not prove: that containerd imports what is written. Starting the lab does.

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "images-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const at = (name: string): string => join(directory, name);

async function example(): Promise<Image> {
  await writeFile(at("program"), "#!/bin/sh\n");
  return {
    tag: "docker.io/lab/example:1",
    entries: combine([
      { type: "file", path: "etc/nsswitch.conf", content: "hosts: files dns\n" },
      { type: "copy", path: "usr/bin/program", source: at("program") },
      { type: "symlink", path: "bin/sh", target: "/usr/bin/program" },
      { type: "directory", path: "tmp", mode: 0o1777 },
    ]),
    entrypoint: ["/usr/bin/program"],
  };
}

/** A docker-archive of the given images, without content. */
async function saved(name: string, images: object[], more: string[] = []): Promise<string> {
  const archive = pack();
  archive.entry({ name: "config.json" }, "{}");
  archive.entry({ name: "layer.tar" }, "layer");
  for (const file of more) archive.entry({ name: file }, "{}");
  archive.entry({ name: "manifest.json" }, JSON.stringify(images));
  archive.finalize();
  await pipeline(archive, createWriteStream(at(name)));
  return at(name);
}
const kept = { Config: "config.json", Layers: ["layer.tar"] };
const list = (tar: string): string[] =>
  execFileSync("tar", ["-tf", tar]).toString().trim().split("\n");

describe("lab/images: images that are made", () => {
  it("are the same bytes for the same content, whatever its order and times", async () => {
    const image = await example();
    await writeImage(image, at("a.tar"));
    await utimes(at("program"), 1, 1);
    await writeImage({ ...image, entries: [...image.entries].reverse() }, at("b.tar"));
    assert.ok((await readFile(at("a.tar"))).equals(await readFile(at("b.tar"))));
  });

  it("hold every entry with its directories, owned by root, and name their layer by digest", async () => {
    await writeImage(await example(), at("a.tar"));
    assert.deepEqual(await readImageTags(at("a.tar")), ["docker.io/lab/example:1"]);
    execFileSync("tar", ["-xf", at("a.tar"), "-C", directory, "layer.tar"]);
    const layer = execFileSync("tar", ["--numeric-owner", "-tvf", at("layer.tar")]).toString();
    assert.deepEqual(list(at("layer.tar")), [
      "bin/",
      "bin/sh",
      "etc/",
      "etc/nsswitch.conf",
      "tmp/",
      "usr/",
      "usr/bin/",
      "usr/bin/program",
    ]);
    assert.match(layer, /^drwxrwxrwt 0\/0 .* tmp\/$/m);
    assert.match(layer, /^-rwxr-xr-x 0\/0 .* usr\/bin\/program$/m);
    const sha256 = execFileSync("sha256sum", [at("layer.tar")])
      .toString()
      .split(" ")[0];
    const config = list(at("a.tar"))[0] ?? "";
    const text = execFileSync("tar", ["-xOf", at("a.tar"), config]).toString();
    assert.ok(text.includes(`sha256:${sha256}`), text);
  });
});

describe("lab/images: images that the user gives", () => {
  it("are told from programs by their content", async () => {
    await saved("image.tar", [kept]);
    await writeFile(at("image.tar.gz"), gzipSync(await readFile(at("image.tar"))));
    assert.equal(await isImage(at("image.tar")), true);
    assert.equal(await isImage(at("image.tar.gz")), true);
    assert.equal(await isImage(process.execPath), false);
  });

  it("get the name that manifests ask for, and keep their content", async () => {
    const source = await saved(
      "own.tar",
      [{ ...kept, RepoTags: ["registry/own/kiam:dev"] }],
      ["index.json", "oci-layout", "repositories"],
    );
    await retagImage(source, "quay.io/uswitch/kiam:v4.2", at("out.tar"));
    assert.deepEqual(await readImageTags(at("out.tar")), ["quay.io/uswitch/kiam:v4.2"]);
    // What importers would prefer to the manifest, with names of its own, is gone.
    assert.deepEqual(list(at("out.tar")).sort(), ["config.json", "layer.tar", "manifest.json"]);
  });

  it("may be compressed", async () => {
    const source = await saved("own.tar", [kept]);
    await writeFile(at("own.tar.gz"), gzipSync(await readFile(source)));
    await retagImage(at("own.tar.gz"), "x:1", at("out.tar"));
    assert.deepEqual(await readImageTags(at("out.tar")), ["x:1"]);
  });

  it("may be one of several only where the name tells which", async () => {
    const several = await saved("several.tar", [
      { ...kept, RepoTags: ["a:1"] },
      { ...kept, RepoTags: ["b:1"] },
    ]);
    await retagImage(several, "b:1", at("out.tar"));
    assert.deepEqual(await readImageTags(at("out.tar")), ["b:1"]);
    await assert.rejects(
      retagImage(several, "c:1", at("c.tar")),
      /2 images and none is c:1: a:1, b:1/,
    );
  });

  it("must be what `docker save` writes", async () => {
    const archive = pack();
    archive.entry({ name: "index.json" }, "{}");
    archive.finalize();
    await pipeline(archive, createWriteStream(at("oci.tar")));
    await assert.rejects(readImageTags(at("oci.tar")), /holds no manifest.json[^]*skopeo copy/);
  });
});
