import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { labPaths } from "../paths.js";
import { removeControlGroups } from "./cgroups.js";
import { namesInUse } from "./holders.js";
import { knownLabs } from "./lock.js";
import { deleteMember, listMembers, networkIdentity } from "./namespaces.js";
import { isAlive, killUntilGone, withDescendants } from "./processes.js";
import { recordedDaemons } from "./supervisor.js";
import { refuseTaken } from "./taken.js";
import { VPC } from "./topology.js";

/** Only a directory that has this file is ever removed. */
const MARKER = "this-directory-is-a-lab";

/** Whether a lab has made this directory, and has not removed it since. */
export function isLabDirectory(directory: string): boolean {
  return existsSync(join(directory, MARKER));
}

/**
 * Refuses what another has: the directory, or a name on the machine that the lab would take. Changes
 * nothing. A lab that runs there, or a killed one that has left something, is for the lock.
 * @throws with what was found, whose it is and what to do
 */
export function refuseWhatAnotherHas(directory: string): void {
  if (isLabDirectory(directory)) return;
  const content = existsSync(directory) ? readdirSync(directory) : [];
  if (content.length > 0) {
    throw new Error(
      `${directory} is not empty and no lab's: it holds ${content.slice(0, 3).join(", ")}. ` +
        "The lab removes its directory at the end; set KIAM_LAB_DIR to one of its own.",
    );
  }
  if (knownLabs().some((lab) => lab.directory === directory)) return;
  refuseTaken(directory, namesInUse(directory));
}

/**
 * Makes the directory the lab's.
 * @throws when it holds something that is not a lab's, or a lab that runs
 */
export async function claimDirectory(directory: string): Promise<void> {
  refuseWhatAnotherHas(directory);
  const alive = recordedDaemons(labPaths(directory)).filter(isAlive);
  if (alive.length > 0) {
    throw new Error(
      `${directory} is a lab's that runs, under a lock that is not known here: ` +
        `${alive.map(({ name, pid }) => `${name} (process ${pid})`).join(", ")}. ` +
        "Take it down with the version of this project that started it.",
    );
  }
  // A lab whose machine was switched off left its files, and nothing else.
  await removeDirectory(directory);
  await mkdir(directory, { recursive: true });
  await writeFile(
    join(directory, MARKER),
    "Removed with everything in it when the lab goes down.\n",
  );
}

/**
 * Removes everything of a lab, whole or in pieces, from the machine: its processes with all
 * their descendants, mounts, network namespaces, control groups, and its directory. Nothing that
 * a lab did not make is touched. The process that calls it is spared, wherever it runs.
 */
export async function removeLab(directory: string): Promise<void> {
  await killLab(directory);
  await unmountBelow(directory);
  const members = listMembers(directory);
  // The VPC last: the others' ends on its bridge go with them.
  for (const name of members.filter((each) => each !== VPC))
    await deleteMember(name, { directory });
  if (members.includes(VPC)) await deleteMember(VPC, { directory });
  await removeControlGroups(directory);
  await removeNamespaceDirectory(directory);
  await removeDirectory(directory);
}

async function killLab(directory: string): Promise<void> {
  const recorded = recordedDaemons(labPaths(directory)).filter(isAlive);
  await killUntilGone((all) => {
    const networks = new Set(
      listMembers(directory).map((member) => networkIdentity(member, directory)),
    );
    const roots = all.filter(
      (each) =>
        (each.network !== undefined && networks.has(each.network)) ||
        recorded.some((r) => r.pid === each.pid && r.startTime === each.startTime),
    );
    return withDescendants(new Set(roots.map((each) => each.pid)), all);
  });
}

async function unmountBelow(directory: string): Promise<void> {
  const targets = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => unescapeOctal(line.split(" ")[4] ?? ""))
    .filter((target) => target.startsWith(`${directory}/`));
  for (const target of targets.reverse()) await execa("umount", ["--lazy", target]);
}

/** Mount points have spaces and the like written as \040. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));
}

/** `ip netns add` makes this mount and never removes it. A lab beside this one may need it next. */
async function removeNamespaceDirectory(ofLab: string): Promise<void> {
  const directory = "/run/netns";
  if (!existsSync(directory) || (await readdir(directory)).length > 0) return;
  if (knownLabs().some((lab) => lab.directory !== ofLab)) return;
  await execa("umount", [directory], { reject: false });
  await rmdir(directory).catch(() => undefined);
}

async function removeDirectory(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  if (!existsSync(join(directory, MARKER))) return;
  // The marker last: killed in between, the next clean-up still knows the directory.
  for (const name of await readdir(directory)) {
    if (name !== MARKER) await rm(join(directory, name), { recursive: true, force: true });
  }
  await rm(directory, { recursive: true, force: true });
}
