import type { Contact } from "./contact.js";

/** A failure by its words. */
interface Case {
  words: RegExp;
  code: string;
  what: string;
  fix: string;
}

/**
 * Of a bucket with states the engine says all in words, and ends with the same status. These are the
 * names of S3's errors, and words of its client for Go.
 */
const ofBucket: readonly Case[] = [
  {
    words: /\bNoSuchBucket\b/,
    code: "backend-bucket-missing",
    what: "There is no such bucket for Pulumi's states",
    fix: "correct its name, its region or its account in the backend's address (pulumi login 's3://BUCKET?region=REGION', or PULUMI_BACKEND_URL), or make it: aws s3 mb s3://BUCKET",
  },
  {
    words: /get credentials:|\b(ExpiredToken|InvalidAccessKeyId|SignatureDoesNotMatch)\b/,
    code: "backend-credentials",
    what: "The bucket with Pulumi's states takes no AWS credentials from here: there are none, or they are wrong or expired",
    fix: "log in anew (aws sso login), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; then this has to work: aws sts get-caller-identity",
  },
  {
    words: /\bAccessDenied\b|\bcode=PermissionDenied\b/,
    code: "backend-forbidden",
    what: "These AWS credentials may not use the bucket with Pulumi's states",
    fix: "have s3:ListBucket allowed on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on what is in it; to see as whom you ask: aws sts get-caller-identity",
  },
  {
    words: /request send failed|\bdial tcp\b/,
    code: "backend-unreachable",
    what: "The bucket with Pulumi's states cannot be reached",
    fix: "look at the backend's address (PULUMI_BACKEND_URL; or what you gave to pulumi login): its region and its endpoint; and at the network from here: a proxy (HTTPS_PROXY), a VPN, a VPC endpoint. Then this has to work: pulumi stack ls",
  },
];

/** Of Pulumi Cloud, or a service like it: words of its client (backend/httpstate in Pulumi's source). */
const ofService: readonly Case[] = [
  {
    words: /\bUnauthorized: No credentials provided or are invalid\b/,
    code: "backend-credentials",
    what: "The service with Pulumi's states does not take PULUMI_ACCESS_TOKEN: the token is wrong, expired or revoked",
    fix: "set PULUMI_ACCESS_TOKEN to a valid token of that service, or unset it and log in: pulumi login. Then this has to work: pulumi whoami",
  },
  {
    words: /^error: (?:.*: )?\[403\] /m,
    code: "backend-forbidden",
    what: "The service with Pulumi's states does not let this user do that",
    fix: "have the stack's owner give the user, or the token's team, the right to write this stack; to see as whom you ask: pulumi whoami --verbose",
  },
  {
    words: /\bperforming HTTP request: /,
    code: "backend-unreachable",
    what: "The service with Pulumi's states cannot be reached",
    fix: "look at its address (PULUMI_BACKEND_URL; or what you gave to pulumi login) and at the network from here: a proxy (HTTPS_PROXY) and its certificate, a VPN. Then this has to work: pulumi whoami",
  },
];

/** What keeps the engine from its backend; undefined where it failed for another reason. */
export function stateBackendContact(
  said: string,
): Pick<Contact, "code" | "what" | "fix"> | undefined {
  const cases = /\boperation error S3: /.test(said) ? ofBucket : ofService;
  const found = cases.find(({ words }) => words.test(said));
  return found && { code: found.code, what: found.what, fix: found.fix };
}
