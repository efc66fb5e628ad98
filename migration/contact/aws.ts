import type { Contact } from "./contact.js";

/** Why AWS did not tell whose credentials these are. */
export interface AwsFailure {
  /** Class of the error, as the AWS SDK and STS name it. */
  name: string;
  /** Of Node, where there was no answer (ECONNREFUSED). */
  code: string | undefined;
  said: string;
}

type Row = Pick<Contact, "code" | "what" | "fix">;

const tryIt = "then try: aws sts get-caller-identity";

const missing: Row = {
  code: "aws-credentials-missing",
  what: "There are no AWS credentials",
  fix: `export AWS_PROFILE=NAME, or log in (aws sso login), ${tryIt}`,
};

const expired: Row = {
  code: "aws-credentials-expired",
  what: "Your AWS credentials have expired",
  fix: `log in again (aws sso login, or fetch new ones), ${tryIt}`,
};

const refused: Row = {
  code: "aws-credentials-refused",
  what: "Your AWS credentials are not accepted",
  fix: `see which ones are used (aws configure list; variables AWS_… go before profiles), correct them, ${tryIt}`,
};

const unreachable: Row = {
  code: "aws-unreachable",
  what: "The endpoints of AWS cannot be reached",
  fix: `see that network and proxy let you through, and that AWS_REGION and AWS_ENDPOINT_URL are right, ${tryIt}`,
};

const unexplained: Row = {
  code: "aws-failed",
  what: "The account of your AWS credentials could not be asked for",
  fix: "see what this says: aws sts get-caller-identity",
};

const rows: readonly (readonly [readonly string[], Row])[] = [
  [["CredentialsProviderError", "ProviderError"], missing],
  [["ExpiredToken", "ExpiredTokenException", "TokenProviderError", "RequestExpired"], expired],
  [
    [
      "InvalidClientTokenId",
      "UnrecognizedClientException",
      "SignatureDoesNotMatch",
      "IncompleteSignature",
      "AuthFailure",
    ],
    refused,
  ],
  [
    ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"],
    unreachable,
  ],
  [["ECONNRESET", "TimeoutError"], unreachable],
];

const why =
  "whether kiam's server can assume the pods' roles cannot be told; nothing of IAM was read or written";

/** @param account in which the roles are */
export function awsContact(account: string, { name, code, said }: AwsFailure): Contact {
  const known = rows.find(([names]) =>
    [name, code].some((each) => each !== undefined && names.includes(each)),
  );
  return {
    ...(known?.[1] ?? unexplained),
    where: `roles of account ${account}`,
    why,
    said: [said],
  };
}

/** With credentials of another account every role would seem to be missing. */
export function otherAccountContact(account: string, own: string): Contact {
  return {
    code: "aws-other-account",
    what: `Your AWS credentials are of account ${own}, and the roles are in account ${account}`,
    where: `roles of account ${account}`,
    why,
    fix: `use credentials of account ${account} (export AWS_PROFILE=NAME, then try: aws sts get-caller-identity), or correct kiam.roleBaseArn`,
  };
}
