import type { CertificateFacts } from "../../facts/clusterFacts.js";
import { count } from "../../text/text.js";
import type { Settings } from "../../settings/schema.js";
import { kiamSupplies } from "../../situation/goingBack.js";
import type { Situation } from "../../situation/situation.js";
import { blocksFrom, type Judgement } from "../judgement.js";

const day = 86_400_000;

/** The certificates by which kiam's server and agents know each other. */
export function auditCertificates(situation: Situation): Judgement[] {
  const { settings, facts } = situation;
  return facts.certificates.flatMap((certificate): Judgement[] => {
    const object = `secret/${settings.kiam.namespace}/${certificate.secret}`;
    if ("unread" in certificate) {
      return [
        {
          code: "certificate-unread",
          severity: "warns",
          object,
          seen: `you may not read it: ${certificate.unread}`,
        },
      ];
    }
    if ("invalid" in certificate) {
      return [
        {
          code: "certificate-invalid",
          severity: blocksFrom("server", settings),
          object,
          seen: certificate.invalid,
          fix: `let it hold tls.crt, tls.key and ca.crt; ${renewal(settings)}`,
        },
      ];
    }
    return expiry(situation, object, certificate);
  });
}

/** A month and two days before the end; of a short-lived one, a quarter and a twentieth of its life. */
function expiry(
  { settings, facts }: Situation,
  object: string,
  { notBefore, notAfter }: Extract<CertificateFacts, { notAfter: string }>,
): Judgement[] {
  const end = Date.parse(notAfter);
  const life = end - Date.parse(notBefore);
  const left = end - Date.parse(facts.observedAt);
  if (left > Math.min(30 * day, life / 4)) return [];
  const soon = left <= Math.min(2 * day, life / 20);
  return [
    {
      code: "certificate-expires",
      // Once pods depend on kiam, an update may be what renews it.
      severity: soon && !kiamSupplies(facts) ? "blocks" : "warns",
      object,
      seen: left <= 0 ? `it expired ${notAfter}` : `it expires ${notAfter}, in ${days(left)}`,
      fix: renewal(settings),
    },
  ];
}

function days(milliseconds: number): string {
  const whole = Math.floor(milliseconds / day);
  return whole === 0 ? "less than a day" : count(whole, "day");
}

function renewal({ kiam: { tls } }: Settings): string {
  switch (tls.mode) {
    case "issued":
      return "renew with pulumi up --replace '<urn of the command kiam-tls>', which server and agents take up when they are restarted";
    case "secrets":
      return "put new certificates of one CA into the secrets of server and agent";
    case "cert-manager":
      return `see why cert-manager does not renew it: kubectl describe certificate, and the ${tls.issuer.kind} ${tls.issuer.name}`;
  }
}
