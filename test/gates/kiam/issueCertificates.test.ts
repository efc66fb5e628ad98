import { strict as assert } from "node:assert";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:tls";

import type { GateOutput } from "../../../gates/protocol/inputs.js";
import { issueCertificates } from "../../../gates/kiam/issueCertificates.js";

type Issued = GateOutput<"issue-certificates">;

describe("certificates for kiam", () => {
  let issued: Issued;
  before(async () => {
    issued = await issueCertificates({
      serverNames: ["kiam-server", "kiam-server:443", "localhost"],
      ipAddresses: ["127.0.0.1"],
      validityDays: 30,
    });
  });

  it("name the server in every form that it is dialled by", () => {
    const server = new X509Certificate(issued.server.certificate);
    assert.deepEqual(server.subjectAltName?.split(", "), [
      "DNS:kiam-server",
      "DNS:kiam-server:443",
      "DNS:localhost",
      "IP Address:127.0.0.1",
    ]);
  });

  it("are of one CA, which alone may sign", () => {
    const ca = new X509Certificate(issued.ca);
    assert.equal(ca.ca, true);
    for (const { certificate } of [issued.server, issued.agent]) {
      const leaf = new X509Certificate(certificate);
      assert.equal(leaf.ca, false);
      assert.equal(leaf.checkIssued(ca) && leaf.verify(ca.publicKey), true);
    }
  });

  it("last as long as was asked for, and are valid for clocks that are behind", () => {
    const { validFromDate, validToDate } = new X509Certificate(issued.agent.certificate);
    assert.equal(validToDate.toISOString(), issued.notAfter);
    const days = (validToDate.getTime() - Date.now()) / 86_400_000;
    assert.ok(Math.abs(days - 30) < 0.01, String(days));
    assert.ok(Date.now() - validFromDate.getTime() >= 300_000);
  });

  it("leave no key of the CA behind, and differ each time", async () => {
    assert.doesNotMatch(issued.ca, /PRIVATE KEY/);
    const another = await issueCertificates({
      serverNames: ["kiam-server"],
      ipAddresses: [],
      validityDays: 1,
    });
    assert.notEqual(another.ca, issued.ca);
  });

  it("let agent and server know each other over TLS", async () => {
    assert.equal(await handshake(issued, issued.agent), "authorized");
    // The server's health check is a client with the server's own certificate.
    assert.equal(await handshake(issued, issued.server), "authorized");
  });

  it("keep strangers out", async () => {
    const stranger = await issueCertificates({
      serverNames: ["kiam-server"],
      ipAddresses: [],
      validityDays: 1,
    });
    assert.equal(await handshake(issued, stranger.agent), "refused");
  });
});

async function handshake(
  { ca, server }: Issued,
  client: Issued["agent"],
): Promise<"authorized" | "refused"> {
  const listener = createServer(
    {
      ca,
      cert: server.certificate,
      key: server.privateKey,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket) => socket.end("hello"),
  );
  listener.on("tlsClientError", () => {});
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const socket = connect({
    host: "127.0.0.1",
    port: (listener.address() as AddressInfo).port,
    servername: "kiam-server",
    ca,
    cert: client.certificate,
    key: client.privateKey,
  });
  // In TLS 1.3 a refusal reaches the client only after its own handshake is done.
  const outcome = await new Promise<"authorized" | "refused">((resolve) => {
    socket.once("data", () => resolve(socket.authorized ? "authorized" : "refused"));
    socket.once("error", () => resolve("refused"));
    socket.once("close", () => resolve("refused"));
  });
  socket.destroy();
  listener.close();
  return outcome;
}
