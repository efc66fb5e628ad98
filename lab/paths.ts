import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

/** The checkout. */
export const CHECKOUT = resolve(__dirname, "..");

/** What Node is given to run a TypeScript file of this checkout. */
export const TYPESCRIPT = ["--require", join(CHECKOUT, "bin", "typescript.cjs")] as const;

/**
 * Where the lab keeps what outlives one run: builds, images, Python environment.
 * `KIAM_LAB_CACHE`, else `kube2iam-to-kiam` in the user's cache directory.
 */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env.KIAM_LAB_CACHE) return resolve(env.KIAM_LAB_CACHE);
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "kube2iam-to-kiam");
}

/**
 * Where one running lab keeps everything it has: removed when the lab goes down.
 * `KIAM_LAB_DIR`, else a directory in /var/lib that belongs to this checkout alone. It must be on a
 * file system that overlayfs accepts as an upper layer, because the nodes' containers live there.
 *
 * Every name that a lab takes on the machine derives from it (see {@link labName}), so that labs
 * in different directories run side by side.
 */
export function labDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const own = `/var/lib/kube2iam-to-kiam-lab-${shortDigest(CHECKOUT)}`;
  return withoutLinks(resolve(env.KIAM_LAB_DIR || own));
}

/** One directory has one name, also one that is not there yet. */
function withoutLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(withoutLinks(dirname(path)), basename(path));
  }
}

/**
 * What a lab's network namespaces, control groups and lock are named after: `kiamlab-` and a
 * digest of its directory.
 */
export function labName(directory: string = labDirectory()): string {
  return `kiamlab-${shortDigest(directory)}`;
}

function shortDigest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** The fixed places inside a lab directory that more than one part of the lab uses. */
export interface LabPaths {
  readonly directory: string;
  /** Admin's kubeconfig: client certificate, API at the master's address. */
  readonly kubeconfig: string;
  /** That of the operator, who has the rights of rights/kubernetes/move*.yaml and no others. */
  readonly operatorKubeconfig: string;
  readonly pki: string;
  readonly awsCa: { readonly certificate: string; readonly key: string };
  /** Certificate for the https names of AWS, issued by {@link LabPaths.awsCa}. */
  readonly awsServer: { readonly certificate: string; readonly key: string };
  readonly awsDirectory: string;
  /** Which node asks instance metadata from which address; rewritten as nodes come and go. */
  readonly awsNodes: string;
  readonly ssh: { readonly key: string; readonly knownHosts: string };
  readonly logs: string;
  /** One directory a node: its /etc, /var/lib and /var/log. */
  readonly nodes: string;
  /** Records of the processes that the lab started. */
  readonly processes: string;
  /** Description of the running cluster, enough to open it from another process. */
  readonly cluster: string;
}

export function labPaths(directory: string = labDirectory()): LabPaths {
  const pki = join(directory, "pki");
  return {
    directory,
    kubeconfig: join(directory, "kubeconfig"),
    operatorKubeconfig: join(directory, "operator.kubeconfig"),
    pki,
    awsCa: { certificate: join(pki, "aws-ca.crt"), key: join(pki, "aws-ca.key") },
    awsServer: { certificate: join(pki, "aws-server.crt"), key: join(pki, "aws-server.key") },
    awsDirectory: join(directory, "aws"),
    awsNodes: join(directory, "aws", "nodes.json"),
    ssh: {
      key: join(directory, "ssh", "id_ed25519"),
      knownHosts: join(directory, "ssh", "known_hosts"),
    },
    logs: join(directory, "log"),
    nodes: join(directory, "nodes"),
    processes: join(directory, "processes"),
    cluster: join(directory, "cluster.json"),
  };
}
