import { X509Certificate } from "node:crypto";

import type { CoreV1Api, KubeConfig } from "@kubernetes/client-node";

import type { CertificateFacts } from "../../migration/facts/clusterFacts.js";
import { kiamNames } from "../../migration/kiam/names.js";
import { apiMessage, codeOf, isNotFound, ReadError } from "../kubernetes/api.js";
import type { Settings } from "../../migration/settings/schema.js";

/**
 * What the secrets of kiam's server and agent hold. A secret that is not there (yet) is left out;
 * one that may not be read, or is of no use, is said to be so.
 *
 * @throws Error where the API cannot be reached, or refuses for another reason
 */
export async function readCertificates(
  config: KubeConfig,
  { namespace, tls }: Pick<Settings["kiam"], "namespace" | "tls">,
): Promise<CertificateFacts[]> {
  const { CoreV1Api } = await import("@kubernetes/client-node");
  const core = config.makeApiClient(CoreV1Api);
  const names =
    tls.mode === "secrets"
      ? [tls.serverSecret, tls.agentSecret]
      : [kiamNames.serverSecret, kiamNames.agentSecret];
  const facts = await Promise.all(
    [...new Set(names)].map((secret) => readCertificate(core, namespace, secret)),
  );
  return facts.filter((each) => each !== undefined);
}

async function readCertificate(
  core: CoreV1Api,
  namespace: string,
  secret: string,
): Promise<CertificateFacts | undefined> {
  try {
    const { data = {} } = await core.readNamespacedSecret({ namespace, name: secret });
    return certificateFacts(secret, data);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (codeOf(error) === 403) return { secret, unread: apiMessage(error) };
    throw new ReadError(`reading secret ${namespace}/${secret}`, error);
  }
}

/** @param data as the API has it: base64 */
export function certificateFacts(
  secret: string,
  data: Readonly<Partial<Record<string, string>>>,
): CertificateFacts {
  const missing = ["tls.crt", "tls.key", "ca.crt"].filter((key) => !data[key]);
  if (missing.length > 0) return { secret, invalid: `it has no ${missing.join(", ")}` };
  const own = parse(data["tls.crt"]);
  const ca = parse(data["ca.crt"]);
  if (own === undefined || ca === undefined) {
    return { secret, invalid: `its ${own === undefined ? "tls.crt" : "ca.crt"} is no certificate` };
  }
  // A certificate is of no use once the only CA that is trusted has expired.
  const notAfter = own.validToDate < ca.validToDate ? own.validToDate : ca.validToDate;
  return {
    secret,
    notBefore: own.validFromDate.toISOString(),
    notAfter: notAfter.toISOString(),
  };
}

function parse(base64 = ""): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(base64, "base64"));
  } catch {
    return undefined;
  }
}
