import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { IAMClient } from "@aws-sdk/client-iam";
import { CoreV1Api, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { PulumiCommand, type Stack } from "@pulumi/pulumi/automation";

import { openStack } from "../../automation/openStack.js";
import { kube2iamObjects } from "../../lab/workload/kube2iam.js";
import { nodeRoles, seedRoles } from "../../lab/workload/roles.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import { labPython, startAws } from "../lab/awsServer.js";
import { skipBecause } from "../support/requirements.js";
import { requireApiServer, startApiServer, type ApiServer } from "./apiserver.js";
import { requireEngine } from "./engine.js";

const settings: SettingsInput = {
  stage: "prepare",
  kiam: { region: "us-east-1" },
  namespaces: { orders: { permitted: "arn:aws:iam::123456789012:role/app-orders" } },
  iam: {
    masterRoleName: nodeRoles.masters,
    workerRoleName: nodeRoles.workers,
    applicationRoles: [{ name: "kiam-probe" }],
  },
  ssh: { privateKey: "the key of all workers" },
  probe: { role: "kiam-probe" },
};

/** A real API server with the objects of a cluster, the lab's IAM, and a stack on the real engine. */
export interface ClusterOfApis {
  api: ApiServer;
  iam: IAMClient;
  /** Where Pulumi.yaml of the stack `test` is, once it was opened. */
  directory: string;
  /** What a command that works on the stack needs in its environment. */
  environment: Record<string, string>;
  /** The stack, with settings for stage prepare. */
  open: (change?: Partial<SettingsInput>) => Promise<Stack>;
  dispose: () => Promise<void>;
}

/**
 * Skips the running test or suite, saying why, where something for it is not here.
 *
 * @param backend where the stack's state is; a directory of its own when unset
 */
export async function startClusterOfApis(
  context: Mocha.Context,
  backend?: string,
): Promise<ClusterOfApis> {
  const engine = requireEngine(context);
  const binaries = requireApiServer(context);
  const python = labPython();
  if ("missing" in python) return skipBecause(context, python.missing);
  const [api, aws] = await Promise.all([startApiServer(binaries), startAws(python.python, {})]);
  const iam = aws.iam(aws.admin);
  await seedRoles(iam);
  await makeCluster(api);
  const directory = await mkdtemp(path.join(tmpdir(), "kiam-program-test-"));
  const backendUrl = backend ?? `file://${directory}`;
  const kubeconfigBefore = process.env.KUBECONFIG;
  process.env.KUBECONFIG = api.kubeconfig;
  const pulumi = await PulumiCommand.get({ root: engine });
  const checkout = path.resolve(__dirname, "../..");
  const plugin = (name: string) => path.join(checkout, "lab/standins/providers", name);
  const environment = {
    KUBECONFIG: api.kubeconfig,
    AWS_ENDPOINT_URL: `http://${aws.at.plain}`,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: aws.admin.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.admin.secretAccessKey,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_HOME: path.join(directory, "home"),
  };
  return {
    api,
    iam,
    directory,
    environment: {
      ...environment,
      PULUMI_BACKEND_URL: backendUrl,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PATH: [path.join(engine, "bin"), process.env.PATH ?? ""].join(path.delimiter),
    },
    open: (change = {}) =>
      openStack(
        {
          stackName: "test",
          workDir: directory,
          toolDirectory: checkout,
          backendUrl,
          pulumi,
          plugins: {
            kubernetes: plugin("kubernetes"),
            aws: plugin("aws"),
            command: plugin("command"),
          },
          env: environment,
        },
        { ...settings, ...change },
      ),
    dispose: async () => {
      if (kubeconfigBefore === undefined) delete process.env.KUBECONFIG;
      else process.env.KUBECONFIG = kubeconfigBefore;
      await Promise.all([api.stop(), aws.stop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Objects that the program reads, as a cluster with kube2iam would have them. */
async function makeCluster({ objects, config }: ApiServer): Promise<void> {
  await objects.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "orders" } });
  for (const object of kube2iamObjects({ workers: 1 })) await objects.create(object);
  const core = config.makeApiClient(CoreV1Api);
  for (const { name, role, address } of [
    { name: "master-1", role: "control-plane", address: "10.0.0.10" },
    { name: "worker-1", role: "node", address: "10.0.0.11" },
  ]) {
    const labels = { [`node-role.kubernetes.io/${role}`]: "" };
    await core.createNode({ body: { metadata: { name, labels } } });
    await core.patchNodeStatus(
      {
        name,
        body: {
          status: {
            addresses: [{ type: "InternalIP", address }],
            conditions: [{ type: "Ready", status: "True" }],
          },
        },
      },
      setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch),
    );
  }
}
