import { execa } from "execa";
import { delimiter, join } from "node:path";
import { formatElapsed, type Progress } from "../../automation/progress.js";
import { exists } from "./cache.js";
import { basePython } from "./python.js";
import { withoutStartingServices } from "./services.js";
import type { PartRow } from "./types.js";
import { isExecutable, reportedVersion } from "./version.js";

/** A program of the distribution that the lab uses. */
export interface Tool {
  /** Debian's package. */
  package: string;
  /** What must be there: programs by name, files by path. */
  needs: readonly string[];
  /** Instead of `needs`, where looking for files cannot tell. */
  present?: () => Promise<boolean>;
  /** How it tells its version, where it has one that matters for what the lab shows. */
  version?: { program: string; args: string[]; pattern: RegExp };
}

/** Everything from the distribution that the lab cannot do without. */
export const SYSTEM_TOOLS: readonly Tool[] = [
  {
    package: "containerd",
    needs: ["containerd", "containerd-shim-runc-v2", "ctr"],
    version: { program: "containerd", args: ["--version"], pattern: /(\S+)$/ },
  },
  {
    package: "runc",
    needs: ["runc"],
    version: { program: "runc", args: ["--version"], pattern: /runc version (\S+)/ },
  },
  {
    package: "containernetworking-plugins",
    needs: ["bridge", "host-local", "loopback", "portmap"].map((name) => `/usr/lib/cni/${name}`),
  },
  {
    package: "iptables",
    needs: ["iptables-save", "xtables-nft-multi", "xtables-legacy-multi"],
    version: { program: "iptables", args: ["--version"], pattern: /iptables v(.+)/ },
  },
  {
    package: "conntrack",
    needs: ["conntrack"],
    version: { program: "conntrack", args: ["--version"], pattern: /conntrack v(\S+)/ },
  },
  {
    package: "openssh-server",
    needs: ["sshd"],
    // Where -V is no option, the version stands beside the complaint.
    version: { program: "sshd", args: ["-V"], pattern: /OpenSSH_([^\s,]+)/ },
  },
  { package: "openssh-client", needs: ["ssh", "ssh-keygen"] },
  {
    package: "busybox-static",
    needs: ["busybox"],
    version: { program: "busybox", args: [], pattern: /BusyBox v(\S+)/ },
  },
  { package: "iproute2", needs: ["ip"] },
  { package: "util-linux", needs: ["nsenter", "unshare"] },
  { package: "mount", needs: ["mount", "umount"] },
  { package: "procps", needs: ["sysctl"] },
  { package: "sudo", needs: ["sudo"] },
  { package: "ca-certificates", needs: ["/etc/ssl/certs/ca-certificates.crt"] },
  {
    package: "python3-venv",
    needs: [],
    present: async () => (await basePython()) !== undefined,
  },
];

/** Fetches images from registries; wanted only where one can be reached. */
export const SKOPEO: Tool = { package: "skopeo", needs: ["skopeo"] };

export interface ToolOptions {
  /** Whether missing packages may be installed. */
  install: boolean;
  progress: Progress;
}

/**
 * Checks that the tools are there: says which Debian packages are missing and installs them.
 * No service that comes with one is started, now or at the machine's next start.
 *
 * @throws where it may not or cannot install: the message has the command to type
 */
export async function ensureTools(tools: readonly Tool[], options: ToolOptions): Promise<void> {
  const missing = await missingPackages(tools);
  if (missing.length === 0) return;
  const list = missing.join(" ");
  const install = ["install", "-y", "--no-install-recommends", ...missing];
  const command = `apt-get update && apt-get ${install.join(" ")}`;
  const obstacle = !options.install
    ? "it was told not to install anything"
    : process.getuid?.() !== 0
      ? "only root may install them"
      : (await programPath("apt-get")) === undefined
        ? "this system has no apt-get"
        : undefined;
  if (obstacle !== undefined) {
    throw new Error(
      `The lab needs what these Debian packages hold, and ${obstacle}: ${list}.\n` +
        `On Debian or Ubuntu, as root:\n  ${command}\nOn other systems, put the same programs on PATH.`,
    );
  }
  options.progress.note(`Debian packages that the lab needs and that are missing: ${list}`);
  await options.progress.run(`Installing Debian packages: ${list}`, (step) =>
    withoutStartingServices(async () => {
      step.update("apt-get update");
      await aptGet(["update"]);
      step.update("apt-get install");
      await aptGet(install);
    }),
  );
  const still = await missingPackages(tools);
  if (still.length > 0)
    throw new Error(
      `apt-get installed ${list}, but their programs are still not found: ${still.join(" ")}`,
    );
}

/** The packages of those tools that are not there, in the tools' order. */
export async function missingPackages(tools: readonly Tool[]): Promise<string[]> {
  const present = await Promise.all(tools.map(isPresent));
  return tools.filter((_, index) => !present[index]).map((tool) => tool.package);
}

/** Rows of the parts table for the tools that have a version. */
export async function toolRows(tools: readonly Tool[] = SYSTEM_TOOLS): Promise<PartRow[]> {
  const rows = await Promise.all(
    tools.map(async ({ version, ...tool }): Promise<PartRow | undefined> => {
      if (!version) return undefined;
      const program = (await programPath(version.program)) ?? version.program;
      return {
        part: tool.package === "openssh-server" ? "sshd" : version.program,
        version: await reportedVersion(program, version.args, version.pattern, "any"),
        origin: "official",
        note: "the distribution's",
      };
    }),
  );
  return rows.filter((row) => row !== undefined);
}

async function isPresent(tool: Tool): Promise<boolean> {
  if (tool.present) return tool.present();
  for (const need of tool.needs) {
    const there = need.startsWith("/")
      ? await exists(need)
      : (await programPath(need)) !== undefined;
    if (!there) return false;
  }
  return true;
}

/** Where a program lies: on PATH, or in the directories that root's PATH has and others' may lack. */
export async function programPath(name: string): Promise<string | undefined> {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  for (const directory of directories) {
    if (directory && (await isExecutable(join(directory, name)))) return join(directory, name);
  }
  return undefined;
}

/** Waits for another apt rather than failing on its lock. In seconds. */
const LOCK_TIMEOUT_S = 120;

async function aptGet(args: string[]): Promise<void> {
  const started = Date.now();
  const result = await execa("apt-get", ["-o", `DPkg::Lock::Timeout=${LOCK_TIMEOUT_S}`, ...args], {
    reject: false,
    all: true,
    stdin: "ignore",
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
  if (!result.failed) return;
  throw new Error(
    `apt-get ${args.join(" ")} failed after ${formatElapsed(Date.now() - started)} ` +
      `(${result.shortMessage}):\n${result.all?.slice(-2000)}`,
  );
}
