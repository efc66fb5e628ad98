/** The lab's AWS on loopback, for tests: started once, ended by its pid. */
import { spawn } from "node:child_process";
import { webcrypto } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import os from "node:os";
import path from "node:path";
// @peculiar/x509 needs it, and needs it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { IAMClient } from "@aws-sdk/client-iam";
import { STSClient } from "@aws-sdk/client-sts";
import { awsServerCommand } from "../../lab/aws/command.js";
import { operatorPolicies } from "../../lab/aws/operatorPolicies.js";
import { cacheDirectory } from "../../lab/paths.js";

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface AwsServer {
  directory: string;
  /** host:port by listener. */
  at: Record<"plain" | "tls" | "metadata" | "control", string>;
  admin: Credentials;
  /** Of the user who has what rights/iam says, and nothing else. */
  operator: Credentials;
  iam(credentials: Credentials): IAMClient;
  sts(credentials: Credentials): STSClient;
  stop(): Promise<number | null>;
}

/**
 * The interpreter that has moto, or the reason why there is none: the one named by
 * KIAM_LAB_PYTHON, else the environment that the lab has made in its cache.
 */
export function labPython(): { python: string } | { missing: string } {
  const made = path.join(cacheDirectory(), "python");
  const environments = existsSync(made) ? readdirSync(made) : [];
  const python = [
    process.env.KIAM_LAB_PYTHON,
    ...environments.map((one) => path.join(made, one, "bin", "python")),
  ].find((one) => one !== undefined && existsSync(one));
  return python === undefined
    ? { missing: `no Python with moto in ${made}; name one with KIAM_LAB_PYTHON` }
    : { python };
}

export async function startAws(python: string, nodes: object): Promise<AwsServer> {
  const directory = await mkdtemp(path.join(os.tmpdir(), "lab-aws-"));
  const file = (name: string) => path.join(directory, name);
  await writeFile(file("nodes.json"), JSON.stringify(nodes));
  await writeCertificate(file("aws.crt"), file("aws.key"));
  const command = awsServerCommand({
    python,
    plain: "127.0.0.1:0",
    tls: { address: "127.0.0.1:0", certificate: file("aws.crt"), key: file("aws.key") },
    metadata: { address: "127.0.0.1:0", nodes: file("nodes.json") },
    control: "127.0.0.1:0",
    adminFile: file("admin.json"),
    operator: { file: file("operator.json"), policies: operatorPolicies() },
    decisions: file("decisions.jsonl"),
  });
  const server = spawn(command.file, command.args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => server.once("exit", resolve));
  const first = await createInterface(server.stdout)[Symbol.asyncIterator]().next();
  if (first.done) {
    throw new Error(`the lab's AWS ended with status ${await ended} before it listened`);
  }
  const at = JSON.parse(String(first.value)) as AwsServer["at"];
  const credentials = async (name: string) =>
    JSON.parse(await readFile(file(name), "utf8")) as Credentials;
  const settings = { endpoint: `http://${at.plain}`, region: "us-east-1", maxAttempts: 1 };
  return {
    directory,
    at,
    admin: await credentials("admin.json"),
    operator: await credentials("operator.json"),
    iam: (credentials) => new IAMClient({ ...settings, credentials }),
    sts: (credentials) => new STSClient({ ...settings, credentials }),
    stop: async () => {
      server.kill("SIGTERM");
      const status = await ended;
      await rm(directory, { recursive: true });
      return status;
    },
  };
}

/** A self-signed certificate for 127.0.0.1. */
async function writeCertificate(certificate: string, key: string) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const signed = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=lab aws",
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }]),
        new x509.BasicConstraintsExtension(true),
      ],
    },
    webcrypto as Crypto,
  );
  await writeFile(certificate, signed.toString("pem"));
  const exported = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  await writeFile(key, x509.PemConverter.encode(exported, "PRIVATE KEY"));
}
