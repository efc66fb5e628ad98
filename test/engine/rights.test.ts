import assert from "node:assert/strict";

import { KubernetesObjectApi, type KubernetesObject } from "@kubernetes/client-node";

import { observe } from "../../cluster/facts/observe.js";
import { kube2iamObjects } from "../../lab/workload/kube2iam.js";
import type { Purpose } from "../../migration/rights/kubernetesRights.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { requireApiServer, startApiServer, type ApiServer } from "./apiserver.js";
import { giveRights, userFor } from "./giveRights.js";
import { limit } from "./limit.js";

/*
 * The files of rights/kubernetes on a real API server with RBAC: what they let their groups do, what
 * they do not, and what is said where one was not applied. That the whole migration works with them
 * is for test/embedded/migration.test.ts; what the official provider asks for runs in neither.
 */

describe("the rights of rights/kubernetes", function () {
  this.timeout(limit);
  let api: ApiServer;
  const kubeconfigBefore = process.env.KUBECONFIG;
  const settings = parseSettings({
    stage: "prepare",
    kiam: { region: "us-east-1" },
    namespaces: {},
    iam: { masterRoleName: "masters" },
    probe: { role: "probe" },
  });

  before("API server", async function () {
    api = await startApiServer(requireApiServer(this));
    for (const object of kube2iamObjects({ workers: 1 })) await api.objects.create(object);
    process.env.KUBECONFIG = api.kubeconfigOf.look;
  });

  after(async () => {
    if (kubeconfigBefore === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = kubeconfigBefore;
    await api?.stop();
  });

  it("without any, the message names the right and the file that gives it", async () => {
    await assert.rejects(
      observe(settings),
      /User "looker" cannot get resource "daemonsets"[^]*kubectl apply -f rights\/kubernetes\/look\.yaml/,
    );
  });

  it("look.yaml lets its group see all that the audit needs, before kiam's namespace is there", async () => {
    await giveRights(api, "look", ["before"]);
    const facts = await observe(settings);
    assert.ok(facts.kube2iam !== undefined);
    assert.deepEqual(facts.certificates, []);
  });

  it("look-in-kiam.yaml adds kiam's certificates; without it they are said not to be read", async () => {
    await api.objects.create(namespace("kiam"));
    const read = async () => (await observe(settings)).certificates;
    for (const certificate of await read()) {
      assert.match("unread" in certificate ? certificate.unread : "", /look-in-kiam\.yaml/);
    }
    assert.equal((await read()).length, 2);
    await giveRights(api, "look", ["in-kiam"]);
    assert.deepEqual(await read(), []);
  });

  it("move.yaml lets its group give kiam's server its rights, and nobody more than it has itself", async () => {
    await giveRights(api, "move", ["before"]);
    const mover = as("move");
    const rule = (resource: string) => ({
      rules: [{ apiGroups: [""], resources: [resource], verbs: ["list"] }],
    });
    await mover.create(clusterRole("kiam-server", rule("pods")));
    await refused(mover.create(clusterRole("more", rule("secrets"))), /not currently held/);
  });

  it("move.yaml lets its group preview a binding of kiam's server before the role is there, and no other", async () => {
    const preview = (name: string) => as("move").create(clusterRoleBinding(name), undefined, "All");
    await preview("kiam-startup-taint");
    await assert.rejects(preview("another"), ({ code }: { code?: number }) => code === 404);
  });

  it("move.yaml alone reads no secret and changes no pod of others; move-in-kiam.yaml is for kiam's namespace only", async () => {
    const mover = as("move");
    const secret = (where: string) => ({
      ...{ apiVersion: "v1", kind: "Secret" },
      metadata: { namespace: where, name: "kiam-server-tls" },
    });
    await mover.create(secret("kiam"));
    await refused(mover.read(secret("kiam")), /cannot get resource "secrets"/);
    await giveRights(api, "move", ["in-kiam"]);
    await mover.read(secret("kiam"));
    await refused(mover.read(secret("default")), /cannot get resource "secrets"/);
    await refused(mover.delete(pod("default")), /cannot delete resource "pods"/);
    await refused(mover.create(pod("default")), /cannot create resource "pods"/);
  });

  function as(purpose: Purpose): KubernetesObjectApi {
    return KubernetesObjectApi.makeApiClient(userFor(api, purpose));
  }
});

async function refused(request: Promise<unknown>, why: RegExp): Promise<void> {
  await assert.rejects(request, (error: { code?: number; body?: string }) => {
    assert.equal(error.code, 403);
    assert.match(String(error.body), new RegExp(why.source.replaceAll('"', '\\\\*"')));
    return true;
  });
}

function namespace(name: string): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

function clusterRole(name: string, rules: object): KubernetesObject {
  return {
    ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name } },
    ...rules,
  };
}

/** Of a role of the same name. */
function clusterRoleBinding(name: string): KubernetesObject {
  const apiGroup = "rbac.authorization.k8s.io";
  return {
    ...{ apiVersion: `${apiGroup}/v1`, kind: "ClusterRoleBinding", metadata: { name } },
    ...{ roleRef: { apiGroup, kind: "ClusterRole", name }, subjects: [] },
  };
}

function pod(where: string) {
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { namespace: where, name: "any" } },
    spec: { containers: [{ name: "any", image: "any" }] },
  };
}
