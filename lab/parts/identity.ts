import { execa } from "execa";
import { join } from "node:path";
import { IMAGE_TAGS } from "../images/tags.js";
import { exists, publish } from "./cache.js";
import { type Context, givenSource, goArchitecture } from "./context.js";
import { type GoBuild, buildGo } from "./goBuild.js";
import { isImage, readImageTags } from "../images/savedImage.js";
import { CHECKOUT } from "../paths.js";
import type { Found, Source } from "./search.js";
import { SKOPEO, ensureTools } from "./tools.js";

/** What the help of each program mentions, official or not: kiam has no --version to ask. */
const HELP_MENTIONS = {
  kiam: ["agent", "server", "health"],
  kube2iam: ["--base-role-arn", "--app-port"],
};

/** The registries' hosts, which need not be the name in front of the image's. */
const REGISTRIES = { kiam: "https://quay.io/v2/", kube2iam: "https://registry-1.docker.io/v2/" };

/**
 * Where to look for kiam and kube2iam: named (binary or image); the official image; this project's
 * stand-in. The value is a binary or a docker-archive.
 *
 * @param install whether skopeo, which fetches images, may be installed where it is missing
 */
export function identitySources(
  context: Context,
  program: "kiam" | "kube2iam",
  install: boolean,
): Source<string>[] {
  const tag = IMAGE_TAGS[program];
  const official = join(context.cache, "official", `${program}-${tag.split(":").pop()}.tar`);
  return [
    givenSource(context, program, async (path) =>
      (await isImage(path)) ? verifyImage(path) : verifyBinary(path, program),
    ),
    {
      origin: "official",
      find: async () => {
        if (!(await exists(official))) {
          await context.network.requireHost(REGISTRIES[program]);
          await ensureTools([SKOPEO], { install, progress: context.progress });
          await context.progress.run(`Fetching the image ${tag}`, () =>
            publish(official, async (staging) => {
              const complaint = await pull(tag, staging);
              if (complaint) await context.network.giveUp(REGISTRIES[program], complaint);
            }),
          );
        }
        return { ...(await verifyImage(official)), note: "image" };
      },
    },
    {
      origin: "stand-in",
      find: async () => {
        const directory = await buildGo(standIn(program), context.cache, context.progress);
        return verifyBinary(join(directory, "bin", program), program);
      },
    },
  ];
}

/** This project's stand-in for the program. */
export function standIn(program: "kiam" | "kube2iam"): GoBuild {
  return {
    name: `${program}-stand-in`,
    directory: join(CHECKOUT, "lab", "standins", "go"),
    packages: [`./cmd/${program}`],
    program,
  };
}

/** @returns what went wrong; undefined when nothing did */
async function pull(tag: string, destination: string): Promise<string | undefined> {
  const result = await execa(
    "skopeo",
    [
      "copy",
      "--quiet",
      "--override-os=linux",
      `--override-arch=${goArchitecture()}`,
      `docker://${tag}`,
      `docker-archive:${destination}:${tag}`,
    ],
    { reject: false, stdin: "ignore" },
  );
  return result.failed ? `skopeo copy: ${result.stderr.slice(-500)}` : undefined;
}

async function verifyImage(path: string): Promise<Found<string>> {
  const tags = await readImageTags(path);
  return { value: path, version: tags.map((tag) => tag.split(":").pop()).join(", ") || "untagged" };
}

async function verifyBinary(path: string, program: "kiam" | "kube2iam"): Promise<Found<string>> {
  const ask = { reject: false, all: true, stdin: "ignore", timeout: 20_000 } as const;
  const help = await execa(path, ["--help"], ask);
  const missing = HELP_MENTIONS[program].filter((word) => !help.all?.includes(word));
  if (missing.length > 0) {
    throw new Error(
      `${path} --help does not mention ${missing.join(", ")}, so it is not ${program}: ` +
        (help.all?.slice(0, 500) || help.shortMessage || "it printed nothing"),
    );
  }
  const answer = await execa(path, ["--version"], ask);
  const version = /\bv?\d+(\.\d+)+\S*/.exec(answer.failed ? "" : answer.all)?.[0];
  return { value: path, version: version ?? "not stated" };
}
