import { mkdir, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

import { PulumiCommand, type Stack } from "@pulumi/pulumi/automation";

import { openStack } from "../automation/openStack.js";
import type { SettingsInput } from "../migration/settings/schema.js";
import { manifestObjects } from "../migration/rights/kubernetesManifests.js";
import { operatorIam, readOperatorKey } from "./aws/admin.js";
import { AWS_ENDPOINT, AWS_REGION } from "./aws/command.js";
import type { Cluster } from "./cluster/cluster.js";
import { enter } from "./cluster/namespaces.js";
import { OPERATOR } from "./cluster/topology.js";
import { lessCollecting } from "./goEnvironment.js";
import { IMAGE_TAGS } from "./images/tags.js";
import { CHECKOUT } from "./paths.js";
import type { Parts } from "./parts/types.js";
import { applicationRoles, nodeRoles, roleArn } from "./workload/roles.js";
import { addTrust } from "./workload/trust.js";

/**
 * What an operator of the lab's cluster needs in the environment, as on any cluster. This one has the
 * rights of rights/ and no others: what makes the cluster, or breaks it, is the admin
 * (adminKube, adminIam).
 */
export async function operatorEnvironment(cluster: Cluster): Promise<Record<string, string>> {
  const key = await readOperatorKey(cluster.paths);
  return {
    KUBECONFIG: cluster.paths.operatorKubeconfig,
    AWS_ENDPOINT_URL: AWS_ENDPOINT,
    AWS_REGION,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    PULUMI_CONFIG_PASSPHRASE: passphrase,
    ...lessCollecting,
    // The gates and the stand-in plugins need the Node that this package brings.
    PATH: [join(CHECKOUT, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter),
  };
}

/**
 * What has to happen after an update has made kiam's namespace and role: an administrator gives the
 * operator the rights in that namespace, and the application roles get to trust that role.
 *
 * @param names of application roles; all of them when unset
 */
export async function handOver(cluster: Cluster, names?: readonly string[]): Promise<void> {
  await cluster.apply(manifestObjects("move", "in-kiam"));
  const roles = names ?? applicationRoles.map((role) => role.name);
  await addTrust(await operatorIam(cluster.paths), roles, roleArn({ name: "kiam-server" }));
}

const passphrase = "nothing-secret-in-the-lab";

/** Settings as an operator would write them for this cluster. */
export async function labSettings(
  cluster: Cluster,
  stage: SettingsInput["stage"],
): Promise<SettingsInput> {
  const hostKeys = await Promise.all(
    cluster.workers.map(async ({ name }) => [name, await cluster.hostKey(name)] as const),
  );
  return {
    stage,
    kiam: { region: AWS_REGION },
    namespaces: Object.fromEntries(
      applicationRoles.map((role) => [role.namespace, { permitted: roleArn(role) }]),
    ),
    iam: {
      masterRoleName: nodeRoles.masters,
      workerRoleName: nodeRoles.workers,
      applicationRoles: [{ name: "kiam-probe" }],
    },
    ssh: {
      privateKey: await readFile(cluster.paths.ssh.key, "utf8"),
      hostKeys: Object.fromEntries(hostKeys),
      dialErrorLimit: 3,
      perDialTimeoutSeconds: 5,
    },
    workers: { canaries: ["worker-1"], waveSize: "50%" },
    probe: { role: "kiam-probe" },
    // Only used where a change to these settings asks for it.
    newNodes: { kubectlImage: IMAGE_TAGS.kubectl },
    // The keep-alive clients never let go by themselves; each is closed, and reconnects.
    retirement: { waitSeconds: 2, then: "proceed" },
    audit: {
      acknowledged: [
        {
          code: "new-nodes-unguarded",
          object: "cluster",
          reason: "the lab starts its nodes itself, and what pods of a new one do is under test",
        },
      ],
    },
  };
}

/** The stack of the lab's cluster, with the settings written into its configuration. */
export async function labStack(
  cluster: Cluster,
  parts: Pick<Parts, "engine" | "plugins">,
  environment: Record<string, string>,
  settings: SettingsInput,
): Promise<Stack> {
  const workDir = join(cluster.paths.directory, "pulumi");
  await mkdir(join(workDir, "state"), { recursive: true });
  return openStack(
    {
      stackName: "lab",
      workDir,
      toolDirectory: CHECKOUT,
      backendUrl: `file://${join(workDir, "state")}`,
      env: environment,
      pulumi: await PulumiCommand.get({ root: parts.engine.root }),
      plugins: Object.fromEntries(
        Object.entries(parts.plugins).map(([name, { directory }]) => [name, directory]),
      ),
    },
    settings,
  );
}

/** For a person who keeps the lab: how to use its stack. */
export function describeStackAccess(cluster: Cluster, parts: Pick<Parts, "engine">): string {
  const { directory, operatorKubeconfig } = cluster.paths;
  const workDir = join(directory, "pulumi");
  return [
    "The stack is called lab:",
    `  PULUMI_BACKEND_URL=file://${join(workDir, "state")} PULUMI_CONFIG_PASSPHRASE='${passphrase}' KUBECONFIG=${operatorKubeconfig} \\`,
    `    ${enter(OPERATOR, directory).join(" ")} ${join(parts.engine.root, "bin", "pulumi")} -C ${workDir} -s lab stack`,
  ].join("\n");
}
