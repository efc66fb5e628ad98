import type { Problem } from "../../migration/text/problem.js";

/** What stands behind an error of kiam's server in fetching credentials. */
export type FetchCause =
  | { kind: "denied"; caller: string | undefined; resource: string | undefined }
  | { kind: "ca" }
  | { kind: "dns" }
  | { kind: "unreachable" }
  | { kind: "no-credentials" }
  | { kind: "duration" }
  | { kind: "other" };

/**
 * Reads the cause off the message of the AWS SDK, which STS, TLS and the resolver word:
 * `AccessDenied: User: arn:aws:sts::…:assumed-role/NAME/SESSION is not authorized to perform:
 * sts:AssumeRole on resource: arn:aws:iam::…:role/NAME`.
 */
export function fetchCause(message: string): FetchCause {
  if (/x509|certificate signed by unknown authority|certificate verify/i.test(message)) {
    return { kind: "ca" };
  }
  if (
    /no such host|endpoint does not exist|server misbehaving|lookup .* (timeout|on )/i.test(message)
  ) {
    return { kind: "dns" };
  }
  if (/NoCredentialProviders|EC2RoleRequestError|EC2MetadataError/.test(message)) {
    return { kind: "no-credentials" };
  }
  if (/DurationSeconds|MaxSessionDuration/.test(message)) return { kind: "duration" };
  if (/AccessDenied|not authorized to perform|Not authorized to perform/.test(message)) {
    return {
      kind: "denied",
      caller: /User: (\S+)/.exec(message)?.[1],
      resource: /on resource: ([^\s,]+)/.exec(message)?.[1],
    };
  }
  if (/dial tcp|i\/o timeout|connection refused|RequestError/.test(message)) {
    return { kind: "unreachable" };
  }
  return { kind: "other" };
}

/** What a cause means, and what to do about it. A refusal takes IAM to explain (deniedRole.ts). */
export function explainCause(
  cause: FetchCause,
  { caHostPath, iam: { region } }: { caHostPath: string; iam: { region: string } },
): Pick<Problem, "why" | "fix"> {
  switch (cause.kind) {
    case "ca":
      return {
        why: `kiam's server does not trust the certificate of AWS: the host path ${caHostPath}, mounted as its CA certificates, holds none that fits`,
        fix: "set kiam.caHostPath to where the masters' OS image keeps CA certificates: /etc/ssl/certs on Debian, Ubuntu and Flatcar, /etc/pki/ca-trust/extracted/pem on Amazon Linux and RHEL",
      };
    case "dns":
      return {
        why: `kiam's server cannot resolve sts.${region}.amazonaws.com`,
        fix: "check kiam.region, and that cluster DNS answers on the masters",
      };
    case "unreachable":
      return {
        why: `kiam's server does not reach sts.${region}.amazonaws.com`,
        fix: "check the network of the masters: routes, proxies, security groups",
      };
    case "no-credentials":
      return {
        why: "kiam's server starts from the master's own credentials, and cannot get them from 169.254.169.254",
        fix: "check that the masters have an instance profile, that no agent's or kube2iam's rule is on them, and that the metadata service's hop limit is 2 or more where it requires tokens",
      };
    case "duration":
      return {
        why: "the session duration is longer than the role allows, or than one hour, which is STS's limit for a role assumed by a role",
        fix: "set kiam.sessionDuration to 1h or less, and no longer than the role's maximum",
      };
    case "denied":
    case "other":
      return {};
  }
}
