import assert from "node:assert/strict";

import { issueCertificates } from "../../gates/verbs/issueCertificates.js";
import { certificateFacts } from "../../readers/certificates.js";

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
