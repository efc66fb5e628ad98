// @peculiar/x509 needs it loaded first.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { groupOf } from "../../migration/rights/kubernetesManifests.js";
import type { LabPaths } from "../paths.js";
import {
  AWS_NAMES,
  CLUSTER_DOMAIN,
  type ClusterNode,
  KUBERNETES_SERVICE_ADDRESS,
  MASTER_ADDRESS,
  VPC_ADDRESS,
} from "./topology.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/** A lab lives for hours; this leaves room for one that is kept. */
const VALID_DAYS = 30;

/** A certificate and its key, as PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface Identity {
  readonly commonName: string;
  readonly organization?: string;
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
}

/** One certificate authority of the lab: `<lab>/pki/<name>.crt` and `.key`. */
class Authority {
  private constructor(
    readonly certificate: string,
    private readonly issuer: x509.X509Certificate,
    private readonly signingKey: webcrypto.CryptoKey,
  ) {}

  /** Creates the authority, or opens the one that is there. */
  static async open(paths: LabPaths, name: string): Promise<Authority> {
    const file = join(paths.pki, name);
    if (!existsSync(`${file}.crt`)) await writePair(file, await Authority.create(name));
    const certificate = await readFile(`${file}.crt`, "utf8");
    const key = await webcrypto.subtle.importKey(
      "pkcs8",
      x509.PemConverter.decodeFirst(await readFile(`${file}.key`, "utf8")),
      ALGORITHM,
      false,
      ["sign"],
    );
    return new Authority(certificate, new x509.X509Certificate(certificate), key);
  }

  private static async create(name: string): Promise<KeyPair> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: [{ CN: [`lab ${name}`] }],
      keys,
      signingAlgorithm: ALGORITHM,
      serialNumber: serialNumber(),
      ...validity(),
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return {
      certificate: certificate.toString("pem") + "\n",
      key: await exportKey(keys.privateKey),
    };
  }

  /** A certificate good for both ends of a TLS connection. */
  async issue(identity: Identity): Promise<KeyPair> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const alternatives: x509.JsonGeneralNames = [
      ...(identity.names ?? []).map((value) => ({ type: "dns" as const, value })),
      ...(identity.addresses ?? []).map((value) => ({ type: "ip" as const, value })),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      subject: [
        ...(identity.organization ? [{ O: [identity.organization] }] : []),
        { CN: [identity.commonName] },
      ],
      issuer: this.issuer.subject,
      publicKey: keys.publicKey,
      signingKey: this.signingKey,
      signingAlgorithm: ALGORITHM,
      serialNumber: serialNumber(),
      ...validity(),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(this.issuer.publicKey),
        ...(alternatives.length > 0
          ? [new x509.SubjectAlternativeNameExtension(alternatives)]
          : []),
      ],
    });
    return {
      certificate: certificate.toString("pem") + "\n",
      key: await exportKey(keys.privateKey),
    };
  }
}

/** Who takes part in the control plane, and as whom. */
export const CONTROL_PLANE_IDENTITIES = {
  apiserver: {
    commonName: "kube-apiserver",
    names: [
      "kubernetes",
      "kubernetes.default",
      "kubernetes.default.svc",
      `kubernetes.default.svc.${CLUSTER_DOMAIN}`,
      "localhost",
    ],
    addresses: [MASTER_ADDRESS, KUBERNETES_SERVICE_ADDRESS, "127.0.0.1"],
  },
  "apiserver-kubelet-client": {
    commonName: "kube-apiserver-kubelet-client",
    organization: "system:masters",
  },
  "controller-manager": { commonName: "system:kube-controller-manager" },
  scheduler: { commonName: "system:kube-scheduler" },
  proxy: { commonName: "system:kube-proxy" },
  admin: { commonName: "lab-admin", organization: "system:masters" },
  operator: { commonName: "lab-operator", organization: groupOf.move },
} satisfies Record<string, Identity>;

export type ControlPlaneIdentity = keyof typeof CONTROL_PLANE_IDENTITIES;

/** Both authorities and everything the control plane and AWS present, under `<lab>/pki`. */
export async function createPki(paths: LabPaths): Promise<void> {
  await mkdir(paths.pki, { recursive: true, mode: 0o700 });
  const [cluster, aws] = await Promise.all([
    Authority.open(paths, "ca"),
    Authority.open(paths, "aws-ca"),
  ]);
  await Promise.all([
    ...Object.entries(CONTROL_PLANE_IDENTITIES).map(async ([name, identity]) =>
      writePair(join(paths.pki, name), await cluster.issue(identity)),
    ),
    aws
      .issue({ commonName: AWS_NAMES[0], names: AWS_NAMES, addresses: [VPC_ADDRESS] })
      .then((pair) => writePair(join(paths.pki, "aws-server"), pair)),
    createServiceAccountKey(join(paths.pki, "service-account")),
  ]);
}

/** The kubelet's identity, for both its server and its client side. */
export async function issueKubelet(paths: LabPaths, node: ClusterNode): Promise<KeyPair> {
  const authority = await Authority.open(paths, "ca");
  return authority.issue({
    commonName: `system:node:${node.name}`,
    organization: "system:nodes",
    names: [node.name],
    addresses: [node.address],
  });
}

async function createServiceAccountKey(file: string): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  await writeFile(`${file}.key`, await exportKey(keys.privateKey), { mode: 0o600 });
  const spki = await webcrypto.subtle.exportKey("spki", keys.publicKey);
  await writeFile(`${file}.pub`, x509.PemConverter.encode(spki, "PUBLIC KEY") + "\n");
}

async function writePair(file: string, pair: KeyPair): Promise<void> {
  await writeFile(`${file}.key`, pair.key, { mode: 0o600 });
  await writeFile(`${file}.crt`, pair.certificate, { mode: 0o644 });
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return (
    x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY") + "\n"
  );
}

function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  return "01" + Buffer.from(bytes).toString("hex");
}

function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + VALID_DAYS * DAY_MS) };
}
