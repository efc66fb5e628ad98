import { join } from "node:path";
import { cacheDirectory } from "../paths.js";
import { digest, publish } from "../parts/cache.js";
import { sha256Of } from "../parts/network.js";
import type { Parts } from "../parts/types.js";
import type { Progress } from "../../automation/progress.js";
import { type Entry, type Image, writeImage } from "./archive.js";
import { baseSystem, combine, iptables } from "./contents.js";
import { isImage, retagImage } from "./savedImage.js";
import { IMAGE_TAGS, type ImageName } from "./tags.js";

/** An image as a node's containerd imports it. */
export interface BuiltImage {
  tag: string;
  /** Absolute path of a docker-archive. */
  tar: string;
  /** Whether only masters get it; the others go to every node. */
  mastersOnly?: boolean;
}

/**
 * Makes the images that the lab's nodes hold, from programs that were found or built. Each lies in
 * the cache under the digest of its content, so that an unchanged one is not made again.
 *
 * kiam and kube2iam given as images are taken as they are, under the name manifests ask for.
 *
 * @param cache default: the lab's cache directory
 */
export async function buildImages(
  parts: Pick<Parts, "coredns" | "client" | "kiam" | "kube2iam" | "kubernetes">,
  progress: Progress,
  cache: string = cacheDirectory(),
): Promise<BuiltImage[]> {
  return progress.run("Preparing the images", async (step) => {
    const base = await baseSystem();
    const withIptables = combine(base, await iptables());
    const image = async (
      name: ImageName,
      entries: Entry[],
      entrypoint?: string[],
    ): Promise<BuiltImage> => {
      step.update(IMAGE_TAGS[name]);
      return build(name, { tag: IMAGE_TAGS[name], entries, entrypoint }, cache);
    };
    const identity = async (
      name: "kiam" | "kube2iam",
      path: string,
      entrypoint?: string[],
    ): Promise<BuiltImage> => {
      const source = parts[name];
      if (await isImage(source)) return given(name, source, cache);
      return image(name, combine(withIptables, [{ type: "copy", path, source }]), entrypoint);
    };
    const program = (path: string, source: string): Entry => ({ type: "copy", path, source });
    return [
      await image("pause", base, ["/bin/sleep", "infinity"]),
      await image("coredns", combine(base, [program("coredns", parts.coredns)]), ["/coredns"]),
      await image("client", combine(base, [program("client", parts.client)]), ["/client"]),
      {
        // A shell and kubectl, for what runs beside kiam's server; too large to give to everybody.
        ...(await image(
          "kubectl",
          combine(base, [program("bin/kubectl", parts.kubernetes.kubectl)]),
        )),
        mastersOnly: true,
      },
      // As in the official images: kiam's has no entrypoint, kube2iam's has.
      await identity("kiam", "kiam"),
      await identity("kube2iam", "bin/kube2iam", ["kube2iam"]),
    ];
  });
}

async function build(name: ImageName, image: Image, cache: string): Promise<BuiltImage> {
  const contents: Record<string, string> = { image: JSON.stringify({ ...image, entries: [] }) };
  for (const entry of image.entries) {
    const content = entry.type === "copy" ? await checksum(entry.source) : "";
    contents[`entry ${entry.path}`] = JSON.stringify({ ...entry, source: undefined, content });
  }
  const tar = join(cache, "images", `${name}-${digest(contents)}.tar`);
  return { tag: image.tag, tar: await publish(tar, (staging) => writeImage(image, staging)) };
}

async function given(name: ImageName, source: string, cache: string): Promise<BuiltImage> {
  const tag = IMAGE_TAGS[name];
  const tar = join(
    cache,
    "images",
    `${name}-${digest({ source: await checksum(source), tag })}.tar`,
  );
  return { tag, tar: await publish(tar, (staging) => retagImage(source, tag, staging)) };
}

const checksums = new Map<string, Promise<string>>();

/** The images share most of their files. */
function checksum(path: string): Promise<string> {
  let known = checksums.get(path);
  if (!known) checksums.set(path, (known = sha256Of(path)));
  return known;
}
