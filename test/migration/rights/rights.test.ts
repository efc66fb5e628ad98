import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { format, resolveConfig } from "prettier";

import { rightsFiles } from "../../../migration/rights/files.js";
import { iamRights } from "../../../migration/rights/iamRights.js";
import { kubernetesRights } from "../../../migration/rights/kubernetesRights.js";
import { howToGrant, missingRight } from "../../../migration/rights/missingRight.js";
import { withRightsTables } from "../../../migration/rights/rightsPage.js";

/*
 * Pure: files, page and explanations say the same as the tables. That the tables have what the
 * program asks for, and no more, is for test/embedded/migration.test.ts.
 */

const root = join(__dirname, "../../..");

async function formatted(path: string, text: string): Promise<string> {
  const file = join(root, path);
  return format(text, { ...(await resolveConfig(file)), filepath: file });
}

describe("the files of rights/", () => {
  const files = rightsFiles();

  for (const [path, text] of Object.entries(files)) {
    it(`${path} is what npm run docs:rights writes`, async () => {
      assert.equal(readFileSync(join(root, path), "utf8"), await formatted(path, text));
    });
  }

  it("there are no others", () => {
    const there = ["kubernetes", "iam"].flatMap((folder) =>
      readdirSync(join(root, "rights", folder)).map((name) => `rights/${folder}/${name}`),
    );
    assert.deepEqual(there.sort(), Object.keys(files).sort());
  });

  it("none gives everything, or a right to take more rights", () => {
    for (const { verbs, resources, group } of kubernetesRights) {
      for (const each of [...verbs, ...resources, group]) {
        assert.doesNotMatch(each, /^(\*|escalate|impersonate|deletecollection)$/);
      }
    }
    // What these roles may is what the operator may: without escalate it can make them no wider.
    const bound = kubernetesRights.filter(({ verbs }) => verbs.includes("bind"));
    assert.deepEqual(
      bound.flatMap(({ names }) => names ?? ["any"]),
      ["kiam-server", "kiam-startup-taint", "kiam-startup-taint"],
    );
    for (const { actions } of iamRights) {
      for (const action of actions) assert.match(action, /^iam:[A-Z][A-Za-z]+$/);
    }
  });

  it("secrets are read in kiam's namespace alone", () => {
    const reading = kubernetesRights.filter(
      ({ resources, verbs, place }) =>
        resources.includes("secrets") &&
        place !== "kiam" &&
        verbs.some((verb) => verb !== "create"),
    );
    assert.deepEqual(reading, []);
  });
});

describe("docs/rights.md", () => {
  it("has the tables that npm run docs:rights writes", async () => {
    const page = readFileSync(join(root, "docs/rights.md"), "utf8");
    assert.equal(page, await formatted("docs/rights.md", withRightsTables(page)));
  });
});

describe("a refusal", () => {
  const forbidden = (what: string) => `something is forbidden: User "jane" cannot ${what}`;

  for (const [what, right, files] of [
    [
      'list resource "nodes" in API group "" at the cluster scope',
      "list nodes",
      ["rights/kubernetes/look.yaml", "rights/kubernetes/move.yaml"],
    ],
    [
      'create resource "pods/exec" in API group "" in the namespace "kiam"',
      "create pods/exec in namespace kiam",
      ["rights/kubernetes/look-in-kiam.yaml", "rights/kubernetes/move-in-kiam.yaml"],
    ],
    [
      'create resource "pods/exec" in API group "" in the namespace "kube-system"',
      "create pods/exec in namespace kube-system",
      ["rights/kubernetes/move.yaml"],
    ],
    [
      'patch resource "daemonsets" in API group "apps" in the namespace "kube-system"',
      "patch daemonsets.apps in namespace kube-system",
      ["rights/kubernetes/move.yaml"],
    ],
    [
      // Of another namespace it is not known which of the two it is.
      'delete resource "pods" in API group "" in the namespace "elsewhere"',
      "delete pods in namespace elsewhere",
      ["rights/kubernetes/move.yaml", "rights/kubernetes/move-in-kiam.yaml"],
    ],
    [
      'list resource "leases" in API group "coordination.k8s.io" in the namespace "kiam"',
      "list leases.coordination.k8s.io in namespace kiam",
      [],
    ],
  ] as const) {
    it(`of ${right} names the right and the files that give it`, () => {
      const missing = missingRight(forbidden(what));
      assert.deepEqual(missing, { user: "jane", right, files: [...files] });
      const how = howToGrant(missing);
      for (const file of files) assert.ok(how.includes(file), how);
    });
  }

  it("of an object that the files call otherwise says what to edit in them", () => {
    const refusal = (name: string) =>
      `daemonsets.apps "${name}" is forbidden: ${forbidden('get resource "daemonsets" in API group "apps" in the namespace "kube-system"').slice("something is forbidden: ".length)}`;
    const missing = missingRight(refusal("iam-proxy"));
    assert.deepEqual(missing?.renamed, { object: "iam-proxy", instead: ["kube2iam"] });
    assert.match(
      howToGrant(missing),
      /missing: write iam-proxy in place of kube2iam at resourceNames in the file; then an administrator runs kubectl apply -f rights\/kubernetes\/look\.yaml/,
    );
    assert.equal(missingRight(refusal("kube2iam"))?.renamed, undefined);
    const pod = `pods "iam-proxy-x1" is forbidden: User "jane" cannot delete resource "pods" in API group "" in the namespace "kube-system"`;
    assert.equal(missingRight(pod)?.renamed, undefined, "any pod");
  });

  it("of a path names what gives it to every user", () => {
    const missing = missingRight(forbidden('get path "/apis/apps/v1"'));
    assert.deepEqual(missing, { user: "jane", right: "get /apis/apps/v1", files: [] });
    assert.match(howToGrant(missing), /system:discovery/);
  });

  it("of AWS does so as well", () => {
    const user = "arn:aws:iam::123456789012:user/jane";
    const role = "arn:aws:iam::123456789012:role/kiam-server";
    const missing = missingRight(
      `AccessDenied: User: ${user} is not authorized to perform: iam:CreateRole on resource: ${role}`,
    );
    assert.deepEqual(missing, {
      user,
      right: `iam:CreateRole on ${role}`,
      files: ["rights/iam/move.json"],
    });
  });

  it("that says of no right says nothing here", () => {
    assert.equal(missingRight('nodes "worker-1" not found'), undefined);
  });
});
