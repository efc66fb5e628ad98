import { mkdir, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

import { quote } from "../../worker/shellWords.js";
import type { Cluster } from "../cluster/cluster.js";
import { enter } from "../cluster/namespaces.js";
import { OPERATOR, SSH_USER, type ClusterNode } from "../cluster/topology.js";
import { CHECKOUT, TYPESCRIPT, type LabPaths } from "../paths.js";
import { programPath } from "../parts/tools.js";
import type { Parts } from "../parts/types.js";
import type { ShellPlaces } from "./places.js";
import { STACK } from "./project.js";
import { describeTour } from "./tour.js";

/** What a user's own environment may say, and what would then lead elsewhere than to the lab. */
const othersNames = [
  "BASH_ENV",
  ...["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"],
  ...["PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE_FILE"],
];

/**
 * The environment in which pulumi, kiam-migrate and kubectl work for stack `lab` as they are typed.
 *
 * @param operator the environment of any operator of this lab (lab/operator.ts)
 */
export function shellEnvironment(
  { directory }: Pick<LabPaths, "directory">,
  places: ShellPlaces,
  { engine }: Pick<Parts, "engine">,
  operator: Record<string, string>,
): Record<string, string> {
  return {
    ...operator,
    KIAM_LAB_DIR: directory,
    KUBECACHEDIR: places.kubectlCache,
    HISTFILE: places.history,
    PULUMI_BACKEND_URL: `file://${places.state}`,
    PULUMI_HOME: places.pulumiHome,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_STACK: STACK,
    PATH: [places.programs, join(engine.root, "bin"), operator.PATH ?? ""].join(delimiter),
  };
}

/** Writes the programs of the shell, and the script that opens one. */
export async function writeEntrance(
  cluster: Cluster,
  places: ShellPlaces,
  { kubernetes }: Pick<Parts, "kubernetes">,
  environment: Record<string, string>,
): Promise<void> {
  const { programs, sshConfig } = places;
  const executable = (file: string, lines: readonly string[]) =>
    writeFile(file, ["#!/bin/bash", ...lines, ""].join("\n"), { mode: 0o755 });
  await mkdir(programs, { recursive: true });
  await writeFile(sshConfig, describeNodes(cluster.paths, cluster.nodes));
  await writeFile(places.tour, `${describeTour()}\n`);
  const prompt = ["PS1='[lab] \\W\\$ '", `HISTFILE=${quote(places.history)}`];
  const completion = "source <(kiam-migrate completion bash)";
  await writeFile(places.startUp, [...prompt, completion, ""].join("\n"));
  await symlink(kubernetes.kubectl, join(programs, "kubectl"));
  await symlink(join(places.project, "bin", "kiam-migrate.mjs"), join(programs, "kiam-migrate"));
  const ssh = (await programPath("ssh")) ?? "ssh";
  await executable(join(programs, "ssh"), [`exec ${quote(ssh)} -F ${quote(sshConfig)} "$@"`]);
  await executable(join(programs, "tour"), [`exec cat ${quote(places.tour)}`]);
  const requests = join(CHECKOUT, "lab", "shell", "requests.ts");
  await executable(join(programs, "requests"), [
    `exec node ${[...TYPESCRIPT, requests].map(quote).join(" ")}`,
  ]);
  await executable(places.entrance, [
    "# Opens a shell in the network of the lab's operator. What follows goes to bash: -c 'COMMAND' runs one.",
    `unset ${othersNames.join(" ")}`,
    ...Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`),
    `cd ${quote(places.project)} || exit`,
    `if [ $# -eq 0 ] && [ -t 0 ]; then set -- --rcfile ${quote(places.startUp)} -i; else set -- --norc "$@"; fi`,
    `exec ${enter(OPERATOR, cluster.paths.directory).map(quote).join(" ")} bash "$@"`,
  ]);
}

/** The nodes by their names, for ssh. */
function describeNodes({ ssh }: LabPaths, nodes: readonly ClusterNode[]): string {
  return [
    ...nodes.flatMap(({ name, address }) => [`Host ${name}`, `  HostName ${address}`]),
    "Host *",
    `  User ${SSH_USER}`,
    `  IdentityFile "${ssh.key}"`,
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile "${ssh.knownHosts}"`,
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
    "",
  ].join("\n");
}
