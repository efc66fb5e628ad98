import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { KubeConfig } from "@kubernetes/client-node";

import { issueCertificates } from "../../../gates/kiam/issueCertificates.js";
import { certificateFacts, readCertificates } from "../../../cluster/facts/certificates.js";

/* Real certificates, as this program issues them. */

describe("facts of kiam's certificates", () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const issue = (validityDays: number) =>
    issueCertificates({ serverNames: ["kiam-server"], ipAddresses: [], validityDays });

  it("tell until when the certificate and its CA are valid, whichever ends first", async () => {
    const [long, short] = [await issue(90), await issue(30)];
    for (const [certificate, ca] of [
      [long, short],
      [short, long],
    ] as const) {
      const facts = certificateFacts("s", {
        "tls.crt": base64(certificate.server.certificate),
        "tls.key": base64(certificate.server.privateKey),
        "ca.crt": base64(ca.ca),
      });
      assert.ok("notAfter" in facts);
      const days = (Date.parse(facts.notAfter) - Date.now()) / 86_400_000;
      assert.ok(days > 29.9 && days <= 30, facts.notAfter);
      assert.ok(Date.parse(facts.notBefore) <= Date.now());
    }
  });

  it("say what is missing, and what is no certificate", () => {
    const x = base64("x");
    assert.deepEqual(certificateFacts("s", { "tls.crt": x }), {
      secret: "s",
      invalid: "it has no tls.key, ca.crt",
    });
    assert.deepEqual(certificateFacts("s", { "tls.crt": x, "tls.key": x, "ca.crt": x }), {
      secret: "s",
      invalid: "its tls.crt is no certificate",
    });
  });
});

/* An HTTP server that answers as an API server does. */

describe("reader of kiam's certificates", () => {
  /** What it reads where the API answers so about each secret. */
  async function reading(
    answers: Record<string, [status: number, body: object]>,
    tls: Parameters<typeof readCertificates>[1]["tls"] = { mode: "issued", validityDays: 365 },
  ) {
    const server = createServer(({ url = "" }, response) => {
      const [status, body] = answers[url.split("/").at(-1) ?? ""] ?? [404, { message: "absent" }];
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const config = new KubeConfig();
      const { port } = server.address() as AddressInfo;
      config.loadFromClusterAndUser(
        { name: "test", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
        { name: "test" },
      );
      return await readCertificates(config, { namespace: "kiam", tls });
    } finally {
      server.close();
    }
  }

  it("leaves out secrets that are not there, and says which may not be read", async () => {
    assert.deepEqual(await reading({}), []);
    assert.deepEqual(await reading({ "kiam-agent-tls": [403, { message: "not for you" }] }), [
      { secret: "kiam-agent-tls", unread: "not for you" },
    ]);
  });

  it("reads the secrets that the settings name", async () => {
    const tls = { mode: "secrets", serverSecret: "both", agentSecret: "both" } as const;
    assert.deepEqual(await reading({ both: [200, { data: {} }] }, tls), [
      { secret: "both", invalid: "it has no tls.crt, tls.key, ca.crt" },
    ]);
  });

  it("stops where the API fails", () =>
    assert.rejects(
      reading({ "kiam-server-tls": [500, { message: "etcd is down" }] }),
      /\(reading secret kiam\/kiam-server-tls\): etcd is down/,
    ));
});
