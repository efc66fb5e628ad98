import assert from "node:assert/strict";

import { takenContact } from "../../../lab/cluster/taken.js";
import {
  apiContact,
  noAnswer,
  noCredentials,
  type ApiFailure,
} from "../../../migration/contact/apiServer.js";
import { awsContact, otherAccountContact } from "../../../migration/contact/aws.js";
import { ContactError, typed, type Contact } from "../../../migration/contact/contact.js";
import { kubeconfigContact } from "../../../migration/contact/kubeconfig.js";
import { pulumiContact, type PulumiFailure } from "../../../migration/contact/pulumi.js";

/*
 * Pure: from what is known of a failure to the case that it is, and to what a person reads. That the
 * failures look so for real is for test/cluster/kubernetes/reaching.test.ts and
 * test/engine/firstContact.test.ts.
 */

const address = {
  server: "https://10.0.0.1:6443",
  context: "staging",
  user: "me",
  credentialsProgram: "aws",
  seconds: 30,
};

function failed(change: Partial<ApiFailure>): ApiFailure {
  return { call: "listing nodes", status: undefined, code: undefined, said: "no", ...change };
}

function apiCode(...failures: Partial<ApiFailure>[]): string | undefined {
  return apiContact(address, failures.map(failed))?.code;
}

const place = { stack: "staging", directory: "/work/checkout", backend: undefined };

function pulumiCode(change: Partial<PulumiFailure>): string {
  const failure = { is: "failed" as const, exitCode: 255, said: "error: x", launcher: false };
  return pulumiContact(place, { ...failure, ...change }).code;
}

function awsCode(name: string, code?: string): string {
  return awsContact("123456789012", { name, code, said: "…" }).code;
}

describe("first contact", () => {
  it("knows by its code why the API server did not answer", () => {
    const codes = Object.entries({
      ECONNREFUSED: "api-server-refuses",
      ENOTFOUND: "api-server-unknown",
      EAI_AGAIN: "api-server-unknown",
      EHOSTUNREACH: "api-server-unreachable",
      ETIMEDOUT: "api-server-unreachable",
      [noAnswer]: "api-server-silent",
      ECONNRESET: "api-server-hangs-up",
      EPROTO: "api-server-no-tls",
      CERT_HAS_EXPIRED: "api-server-certificate-expired",
      DEPTH_ZERO_SELF_SIGNED_CERT: "api-server-not-trusted",
      ERR_TLS_CERT_ALTNAME_INVALID: "api-server-not-trusted",
      [noCredentials]: "kubernetes-credentials-failed",
    });
    for (const [code, expected] of codes) assert.equal(apiCode({ code }), expected, code);
  });

  it("knows by its status why the API server refused", () => {
    const statuses = [
      [401, "kubernetes-unauthorized"],
      [403, "kubernetes-forbidden"],
      [404, "api-server-other"],
      [429, "api-server-unwell"],
      [500, "api-server-unwell"],
      [503, "api-server-unwell"],
    ] as const;
    for (const [status, expected] of statuses) assert.equal(apiCode({ status }), expected);
    assert.equal(apiCode({ status: 409 }), undefined, "that is for its caller");
    assert.equal(apiCode({ code: "ENOENT" }), undefined);
    assert.equal(apiCode(), undefined);
  });

  it("takes what explains the others, and of refused requests all, once each", () => {
    assert.equal(
      apiCode({ status: 403 }, { status: 401 }, { code: "ECONNREFUSED" }),
      "api-server-refuses",
    );
    assert.equal(apiCode({ status: 403 }, { status: 401 }), "kubernetes-unauthorized");
    const refused = apiContact(address, [
      failed({ status: 403, call: "listing pods", said: "pods is forbidden" }),
      failed({ status: 403, call: "listing nodes", said: "nodes is forbidden" }),
      failed({ status: 403, call: "listing nodes", said: "nodes is forbidden" }),
    ]);
    assert.doesNotMatch(refused?.fix ?? "", /write /);
    const renamed = apiContact(address, [
      failed({
        status: 403,
        call: "reading DaemonSet kube-system/iam-proxy",
        said: 'daemonsets.apps "iam-proxy" is forbidden: User "jane" cannot get resource "daemonsets" in API group "apps" in the namespace "kube-system"',
      }),
    ]);
    assert.match(
      renamed?.fix ?? "",
      /administrator write iam-proxy in place of kube2iam at resourceNames in the file, then run kubectl apply -f rights\/kubernetes\/look\.yaml/,
    );
    assert.deepEqual(refused?.said, [
      "listing nodes: nodes is forbidden",
      "listing pods: pods is forbidden",
    ]);
    assert.match(refused.what, /refuses me 2 requests/);
    const down = apiContact(address, [
      failed({ code: "ECONNREFUSED", call: "listing pods" }),
      failed({ code: "ECONNREFUSED", call: "listing nodes" }),
    ]);
    assert.equal(down?.said?.length, 1);
  });

  it("knows by exit status, and only then by words, why pulumi did not read the stack", () => {
    assert.equal(pulumiCode({ is: "command-missing" }), "pulumi-missing");
    assert.equal(pulumiCode({ is: "directory-missing" }), "directory-missing");
    assert.equal(pulumiCode({ is: "project-missing" }), "project-missing");
    assert.equal(pulumiCode({ exitCode: 3 }), "pulumi-not-logged-in");
    assert.equal(pulumiCode({ exitCode: 6 }), "stack-missing");
    assert.equal(pulumiCode({ said: "error: incorrect passphrase" }), "passphrase-wrong");
    assert.equal(
      pulumiCode({ said: "error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or …" }),
      "passphrase-missing",
    );
    const launcher = { launcher: true, exitCode: 1, said: "pulumi: could not download" };
    assert.equal(pulumiCode(launcher), "pulumi-not-fetched");
    assert.equal(pulumiCode({ ...launcher, said: "error: no such bucket" }), "pulumi-failed");
    assert.equal(pulumiCode({}), "pulumi-failed");
  });

  it("knows by the names of S3's errors why its bucket was not read", () => {
    const s3 = (said: string) =>
      pulumiCode({ said: `error: blob: operation error S3: GetObject, ${said}` });
    assert.equal(s3("StatusCode: 404, NoSuchBucket: The specified …"), "backend-bucket-missing");
    assert.equal(s3("get identity: get credentials: no EC2 IMDS role"), "backend-credentials");
    assert.equal(s3("StatusCode: 400, ExpiredToken: The provided …"), "backend-credentials");
    assert.equal(s3("StatusCode: 403, api error AccessDenied: no"), "backend-forbidden");
    assert.equal(s3("request send failed, Get: dial tcp 10.0.0.1:443"), "backend-unreachable");
    assert.equal(s3("StatusCode: 301, PermanentRedirect: …"), "pulumi-failed");
    assert.equal(pulumiCode({ said: "error: dial tcp 10.0.0.1:443" }), "pulumi-failed");
  });

  it("knows by the words of Pulumi Cloud's client why a service was not read", () => {
    const service = (said: string) => pulumiCode({ said: `Logging in using …\n${said}` });
    assert.equal(
      service("error: Unauthorized: No credentials provided or are invalid."),
      "backend-credentials",
    );
    assert.equal(service("error: [403] Forbidden"), "backend-forbidden");
    assert.equal(service("error: could not query stack: [403] no"), "backend-forbidden");
    assert.equal(
      service('error: performing HTTP request: Get "https://api…": dial tcp: no such host'),
      "backend-unreachable",
    );
    assert.equal(service("error: [500] Internal Server Error"), "pulumi-failed");
    assert.equal(service("error: a note on [403] in a message"), "pulumi-failed");
  });

  it("knows by class and code why AWS did not tell whose credentials these are", () => {
    assert.equal(awsCode("CredentialsProviderError"), "aws-credentials-missing");
    assert.equal(awsCode("ExpiredTokenException"), "aws-credentials-expired");
    assert.equal(awsCode("InvalidClientTokenId"), "aws-credentials-refused");
    assert.equal(awsCode("Error", "ENOTFOUND"), "aws-unreachable");
    assert.equal(awsCode("Error"), "aws-failed");
    assert.equal(otherAccountContact("1", "2").code, "aws-other-account");
  });

  it("says what, where, why and what to type next; nothing that was said begins a line", () => {
    const contacts: (Contact | undefined)[] = [
      apiContact(address, [failed({ code: "ECONNREFUSED", said: "x\nFORGED\u001b[2J" })]),
      pulumiContact(place, { is: "failed", exitCode: 6, said: "x\nFORGED", launcher: false }),
      awsContact("1", { name: "CredentialsProviderError", code: undefined, said: "x\nFORGED" }),
      kubeconfigContact("/root/.kube/config\nFORGED", {
        is: "unreadable",
        code: undefined,
        said: "x\nFORGED",
      }),
      takenContact("/var/lib/lab", [
        {
          kind: "network namespace",
          name: "/run/netns/kiamlab-0-vpc",
          holders: [{ pid: 7, command: "x\nFORGED\u001b[2J", ports: [] }],
        },
      ]),
    ];
    for (const contact of contacts) {
      assert.ok(contact);
      const { message } = new ContactError(contact);
      const [first, ...others] = message.split("\n");
      assert.ok(first?.endsWith(` [${contact.code}]`));
      for (const line of others) assert.match(line, /^ {2}/);
      for (const part of ["  where: ", "  it said: ", "  why it matters: ", "  what to do: "]) {
        assert.ok(message.includes(`\n${part}`), `${part} in ${message}`);
      }
      assert.ok(!message.includes("\u001b"));
    }
  });

  it("names what the kubeconfig has, and the command that mends it", () => {
    const contexts = ["a", "b"];
    const unknown = kubeconfigContact("KUBECONFIG=/x", {
      is: "unknown-context",
      context: "c",
      setting: true,
      contexts,
    });
    assert.match(unknown.what, /no context c/);
    assert.match(unknown.where, /KUBECONFIG=\/x; it has: a, b/);
    assert.match(unknown.fix, /pulumi config set --path kubernetes\.context/);
    const current = kubeconfigContact("", {
      is: "unknown-context",
      context: "c",
      setting: false,
      contexts: [],
    });
    assert.match(current.where, /it has no context/);
    assert.match(current.fix, /kubectl config use-context/);
  });

  it("prints words that can be typed as they are", () => {
    assert.equal(typed("arn:aws:eks:eu-west-1:1:cluster/x"), "arn:aws:eks:eu-west-1:1:cluster/x");
    assert.equal(typed("it's; rm"), `'it'\\''s; rm'`);
  });
});
