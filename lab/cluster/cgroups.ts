import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import pWaitFor from "p-wait-for";
import { labName } from "../paths.js";

const ROOT = "/sys/fs/cgroup";

/**
 * How much more of the processors all pods of a lab get than one other session, where they are short:
 * eight times, in v1 and in v2. As on nodes of their own, what serves and counts requests does not wait
 * for the engine and the tests beside it; by default all of a lab's pods together would be as one of those.
 */
const PODS_FIRST = { "cpu.shares": "8192", "cpu.weight": "800" };

/**
 * Makes the control group that a node will see as the root, in every hierarchy: v1, v2, or both.
 * machine-init.sh puts it where the node looks. Everything that runs in a pod of a lab is below
 * the group that has the lab's name.
 */
export function createControlGroups(directory: string, node: string): void {
  const lab = labName(directory);
  for (const hierarchy of hierarchies()) {
    for (const group of [join(hierarchy, lab), join(hierarchy, lab, node)]) {
      mkdirSync(group, { recursive: true });
      inherit(dirname(group), group);
    }
    for (const [setting, share] of Object.entries(PODS_FIRST)) {
      const own = join(hierarchy, lab, setting);
      if (existsSync(own)) writeFileSync(own, share);
    }
  }
}

/** Removes a node's groups, or all of the lab's; their processes must have been killed. */
export async function removeControlGroups(directory: string, node = ""): Promise<void> {
  const tops = hierarchies().map((hierarchy) => join(hierarchy, labName(directory), node));
  let left: string[] = [];
  // A killed process holds its group until the kernel is done with it.
  await pWaitFor(() => (left = tops.filter((top) => !removeTree(top))).length === 0, {
    interval: 50,
    timeout: 5_000,
  }).catch(() => {
    throw new Error(`control groups are still in use: ${left.join(", ")}`);
  });
}

/** The lab's groups that exist, one for each hierarchy. */
export function controlGroupsOf(directory: string): string[] {
  return hierarchies()
    .map((hierarchy) => join(hierarchy, labName(directory)))
    .filter((group) => existsSync(group));
}

/** v1 has a directory a controller; v2 is one hierarchy, beside them or alone. */
function hierarchies(): string[] {
  if (existsSync(join(ROOT, "cgroup.controllers"))) return [ROOT];
  if (!existsSync(ROOT)) return [];
  return readdirSync(ROOT)
    .map((name) => join(ROOT, name))
    .filter((path) => lstatSync(path).isDirectory() && existsSync(join(path, "cgroup.procs")));
}

/** A new group may use what the one above may: neither v1's cpuset nor v2 gives that by itself. */
function inherit(parent: string, group: string): void {
  for (const setting of ["cpuset.cpus", "cpuset.mems"]) {
    const own = join(group, setting);
    const isV1 =
      existsSync(join(parent, setting)) && !existsSync(join(group, "cgroup.controllers"));
    if (isV1) writeFileSync(own, readFileSync(join(parent, setting)));
  }
  const controllers = join(parent, "cgroup.controllers");
  if (!existsSync(controllers)) return;
  for (const name of readFileSync(controllers, "utf8").split(/\s+/).filter(Boolean)) {
    writeFileSync(join(parent, "cgroup.subtree_control"), `+${name}`);
  }
}

function removeTree(group: string): boolean {
  try {
    if (!existsSync(group)) return true;
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeTree(join(group, entry.name))) return false;
    }
    rmdirSync(group);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EBUSY" || code === "ENOTEMPTY") return false;
    if (code === "ENOENT") return true;
    throw error;
  }
}
