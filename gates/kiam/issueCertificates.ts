import type { Gate } from "../protocol/inputs.js";

/** Clocks of nodes may be behind ours. */
const backdatedMilliseconds = 10 * 60 * 1000;

const day = 24 * 60 * 60 * 1000;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * One CA, and from it the certificates by which kiam's server and agent know each other. The CA's
 * key is dropped when this returns, so that no other certificate can be issued: renewing means
 * issuing all.
 */
export const issueCertificates: Gate<"issue-certificates"> = async (input) => {
  // x509 needs the polyfill before it is loaded; neither is needed by the other verbs.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");

  const notBefore = new Date(Date.now() - backdatedMilliseconds);
  const notAfter = new Date(Date.now() + input.validityDays * day);
  // PEM carries whole seconds.
  notAfter.setMilliseconds(0);

  const caKeys = await keyPair();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=kiam CA",
    serialNumber: serialNumber(),
    notBefore,
    notAfter,
    keys: caKeys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });

  async function issue(
    commonName: string,
    usages: string[],
    alternativeNames: { type: "dns" | "ip"; value: string }[],
  ): Promise<{ certificate: string; privateKey: string }> {
    const keys = await keyPair();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${commonName}`,
      issuer: ca.subject,
      serialNumber: serialNumber(),
      notBefore,
      notAfter,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(usages),
        new x509.SubjectAlternativeNameExtension(alternativeNames),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
      ],
    });
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    return {
      certificate: `${certificate.toString("pem")}\n`,
      privateKey: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`,
    };
  }

  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const [server, agent] = await Promise.all([
    // The server is also its own client: its health check dials it.
    issue(
      input.serverNames[0] ?? "kiam-server",
      [serverAuth, clientAuth],
      [
        ...input.serverNames.map((value) => ({ type: "dns" as const, value })),
        ...input.ipAddresses.map((value) => ({ type: "ip" as const, value })),
      ],
    ),
    issue("kiam-agent", [clientAuth], [{ type: "dns", value: "kiam-agent" }]),
  ]);
  return {
    ca: `${ca.toString("pem")}\n`,
    server,
    agent,
    notAfter: notAfter.toISOString(),
  };
};

async function keyPair(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

/** 16 random bytes in hex, positive as X.509 demands. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return Buffer.from(bytes).toString("hex");
}
