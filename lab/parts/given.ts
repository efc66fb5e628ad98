import { resolve } from "node:path";
import { exists } from "./cache.js";

/** The parts that a user may name, each by a flag or an environment variable. */
export const GIVEN_PARTS = {
  engine: {
    variable: "KIAM_LAB_ENGINE",
    flag: "--engine <path>",
    describes: "Pulumi engine: the binary, or a directory with bin/pulumi",
  },
  plugins: {
    variable: "KIAM_LAB_PLUGINS",
    flag: "--plugins <directory>",
    describes: "provider plugins: a directory with pulumi-resource-kubernetes, -aws and -command",
  },
  kubernetes: {
    variable: "KIAM_LAB_KUBERNETES",
    flag: "--kubernetes <directory>",
    describes: "Kubernetes: a directory with kube-apiserver, kubelet, kubectl and the others",
  },
  etcd: { variable: "KIAM_LAB_ETCD", flag: "--etcd <path>", describes: "etcd: the binary" },
  coredns: {
    variable: "KIAM_LAB_COREDNS",
    flag: "--coredns <path>",
    describes: "CoreDNS: the binary",
  },
  kiam: {
    variable: "KIAM_LAB_KIAM",
    flag: "--kiam <path>",
    describes: "kiam: a static binary, or an image saved with `docker save`",
  },
  kube2iam: {
    variable: "KIAM_LAB_KUBE2IAM",
    flag: "--kube2iam <path>",
    describes: "kube2iam: a static binary, or an image saved with `docker save`",
  },
} as const;

export type GivenPart = keyof typeof GIVEN_PARTS;
/** Absolute paths of the parts that the user named. */
export type GivenParts = Partial<Record<GivenPart, string>>;

/** What the user named. A flag wins over its environment variable; an empty value counts as unset. */
export function givenParts(
  flags: GivenParts = {},
  environment: NodeJS.ProcessEnv = process.env,
): GivenParts {
  const given: GivenParts = {};
  for (const part of Object.keys(GIVEN_PARTS) as GivenPart[]) {
    const path = flags[part] || environment[GIVEN_PARTS[part].variable];
    if (path) given[part] = resolve(path);
  }
  return given;
}

/** How to name the part, for messages: `KIAM_LAB_ETCD or --etcd`. */
export function howToGive(part: GivenPart): string {
  const { variable, flag } = GIVEN_PARTS[part];
  return `${variable} or ${flag.split(" ")[0]}`;
}

/**
 * Looks whether everything that the user named is there, before the long work begins. Whether it
 * works is found out when its turn comes.
 *
 * @throws with every name that leads nowhere
 */
export async function requireGiven(given: GivenParts): Promise<void> {
  const absent: string[] = [];
  for (const [part, path] of Object.entries(given) as [GivenPart, string][]) {
    if (!(await exists(path)))
      absent.push(`${howToGive(part)} names ${path}: there is no such file`);
  }
  if (absent.length > 0) {
    throw new Error(
      `${absent.join("\n")}\nCorrect the path, or leave it out to let the lab find one.`,
    );
  }
}
