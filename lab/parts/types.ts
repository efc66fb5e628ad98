/** Where a part came from. */
export type Origin =
  /** the user named it by a flag or an environment variable */
  | "given"
  /** its authors' (or, for system tools, the distribution's) own build */
  | "official"
  /** its authors' source, built here from the Go module registry */
  | "built"
  /** this project's replacement for what could not be had */
  | "stand-in";

/** One line of the closing table. */
export interface PartRow {
  part: string;
  /** As the part itself reports it. */
  version: string;
  origin: Origin;
  note?: string;
}

/** The Kubernetes programs the lab runs. */
export const KUBERNETES_PROGRAMS = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubelet",
  "kubectl",
] as const;
export type KubernetesProgram = (typeof KUBERNETES_PROGRAMS)[number];

/** The provider plugins the Pulumi program uses. */
export const PLUGINS = ["kubernetes", "aws", "command"] as const;
export type Plugin = (typeof PLUGINS)[number];

/** Everything the lab runs that is not in the checkout. All paths are absolute. */
export interface Parts {
  /**
   * `root` holds bin/pulumi, with its Node.js language host beside it: what the Automation API calls
   * an installation root.
   */
  engine: { root: string };
  /** Each directory holds the executable pulumi-resource-<name>. */
  plugins: Record<Plugin, { directory: string }>;
  kubernetes: Record<KubernetesProgram, string>;
  etcd: string;
  coredns: string;
  /** A binary, or a docker-archive of an image that holds one. */
  kiam: string;
  /** A binary, or a docker-archive of an image that holds one. */
  kube2iam: string;
  /** The load client: a static binary. */
  client: string;
  /** A Python interpreter that has moto. */
  python: string;
  table: PartRow[];
}
