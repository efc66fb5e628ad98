import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";

import { GetRoleCommand } from "@aws-sdk/client-iam";
import type { V1Namespace } from "@kubernetes/client-node";

import { destroyAll, moveTo, pendingChanges } from "../../automation/moveTo.js";
import { silentProgress } from "../../automation/progress.js";
import { nodeRoles } from "../../lab/workload/roles.js";
import { permittedAnnotation } from "../../migration/kiam/permitted.js";
import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { limit } from "./limit.js";

/*
 * The program on the real engine with the stand-in plugins, a real API server and the lab's IAM:
 * stage prepare, its preview, its end. There are no nodes that run anything, so the later stages
 * are left to test/embedded; and the official plugins are not what runs here.
 */

describe("the program on the real engine", function () {
  this.timeout(limit);
  let cluster: ClusterOfApis;
  let open: ClusterOfApis["open"];

  before("API server, IAM and engine", async function () {
    cluster = await startClusterOfApis(this);
    ({ open } = cluster);
  });

  after("stop what was started", () => cluster?.dispose());

  async function namespace(name: string): Promise<V1Namespace | undefined> {
    try {
      return await cluster.api.objects.read<V1Namespace>({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name },
      });
    } catch {
      return undefined;
    }
  }

  it("names every problem of the settings and touches nothing", async () => {
    const stack = await open({
      workers: { waveSize: "0%" },
      kiam: { region: "nowhere", agentPort: 0 },
    });
    await assert.rejects(moveTo(stack, "prepare", { progress: silentProgress }), (error: Error) => {
      for (const property of ["workers.waveSize", "kiam.region", "kiam.agentPort"]) {
        assert.match(error.message, new RegExp(`${property.replace(".", "\\.")} \\(is `));
      }
      assert.doesNotMatch(error.message, /at .*\.ts:\d+/, "no stack trace");
      return true;
    });
    assert.equal(await namespace("kiam"), undefined);
  });

  it("prepares in the planned order", async () => {
    const { steps } = await moveTo(await open(), "prepare", { progress: silentProgress });
    const names = steps.map((step) => step.what);
    const inOrder = (...expected: string[]) => {
      const places = expected.map((name) => names.indexOf(name));
      assert.ok(!places.includes(-1), `${expected.join(", ")} in ${names.join(", ")}`);
      assert.deepEqual(
        places,
        [...places].sort((a, b) => a - b),
        expected.join(" before "),
      );
    };
    inOrder("Namespace kiam", "ConfigMap kiam-record");
    inOrder("Namespace kiam", "gate kiam-tls", "Secret kiam-tls-server");
    inOrder("Role iam-server", "RolePolicy iam-master-assumes");
    inOrder("Role iam-server", "Role iam-kiam-probe", "RolePolicy iam-worker-assumes");
    const orders = await namespace("orders");
    assert.equal(
      orders?.metadata?.annotations?.[permittedAnnotation],
      "arn:aws:iam::123456789012:role/app-orders",
    );
    const probe = await cluster.iam.send(new GetRoleCommand({ RoleName: "kiam-probe" }));
    const trust = decodeURIComponent(probe.Role?.AssumeRolePolicyDocument ?? "");
    assert.match(trust, /role\/kiam-server/);
    assert.match(trust, /role\/nodes\.lab\.k8s\.local/);
  });

  it("has nothing to change the second time", async () => {
    assert.deepEqual(await pendingChanges(await open()), { count: 0, resources: [] });
  });

  it("does not renew the certificates of running servers when their validity is changed", async () => {
    const kiam = { region: "us-east-1", tls: { mode: "issued" as const, validityDays: 90 } };
    assert.deepEqual(await pendingChanges(await open({ kiam })), { count: 0, resources: [] });
  });

  it("keeps keys out of state and configuration but encrypted", async () => {
    const stack = await open();
    // Not by exportStack, which decrypts.
    const file = path.join(cluster.directory, ".pulumi/stacks/kube2iam-to-kiam/test.json");
    const state = await readFile(file, "utf8");
    assert.ok(state.includes("kiam-tls"), "the state has the certificates");
    assert.ok(!state.includes("PRIVATE KEY"), "the state has no key in clear");
    const configuration = await stack.workspace.stackSettings("test");
    assert.doesNotMatch(JSON.stringify(configuration), /the key of all workers/);
  });

  it("keeps of what the migration declares no place in this program", async () => {
    const { deployment } = (await (await open()).exportStack()) as {
      deployment: { resources: Record<"urn" | "stackTrace" | "sourcePosition", string>[] };
    };
    const placed = deployment.resources.filter((each) => each.stackTrace ?? each.sourcePosition);
    assert.ok(
      placed.some(({ urn }) => urn.endsWith("::migration")),
      "the engine keeps it of others",
    );
    assert.deepEqual(
      placed.filter(({ urn }) => urn.includes("ClusterMigration$")),
      [],
    );
  });

  it("stops with every blocking finding of the audit", async () => {
    const stack = await open({ namespaces: { nowhere: { permitted: ".*" } } });
    await assert.rejects(
      moveTo(stack, "prepare", { progress: silentProgress }),
      /namespace\/nowhere: there is no such namespace, .* \[namespace-missing\]/,
    );
  });

  it("takes everything away again, and only that", async () => {
    await destroyAll(await open(), { progress: silentProgress });
    assert.equal(await namespace("kiam"), undefined);
    const orders = await namespace("orders");
    assert.notEqual(orders, undefined, "the application's namespace stays");
    assert.equal(orders?.metadata?.annotations?.[permittedAnnotation], undefined);
    await assert.rejects(cluster.iam.send(new GetRoleCommand({ RoleName: "kiam-server" })));
    await cluster.iam.send(new GetRoleCommand({ RoleName: nodeRoles.masters }));
  });
});
