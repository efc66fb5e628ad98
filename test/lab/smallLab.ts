/*
 * The least that takes a lab's names on a machine: lock, directory, network, control group and one
 * process in a member. sideBySide.test.ts runs it, one process for each lab, and kills it.
 */
import { claimDirectory } from "../../lab/cluster/cleanup.js";
import { createControlGroups } from "../../lab/cluster/cgroups.js";
import { acquireLock } from "../../lab/cluster/lock.js";
import { createMember, createVpc } from "../../lab/cluster/namespaces.js";
import { Supervisor } from "../../lab/cluster/supervisor.js";
import { OPERATOR, OPERATOR_ADDRESS } from "../../lab/cluster/topology.js";
import { labDirectory, labPaths } from "../../lab/paths.js";

async function main(): Promise<void> {
  await acquireLock();
  await claimDirectory(labDirectory());
  await createVpc();
  await createMember(OPERATOR, OPERATOR_ADDRESS);
  createControlGroups(labDirectory(), "worker-1");
  const supervisor = new Supervisor(labPaths());
  supervisor.start({ name: "sleeper", member: OPERATOR, file: "sleep", args: ["600"] });
  setInterval(() => {}, 60_000);
}

void main();
