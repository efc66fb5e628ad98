/** Whom a statement of a policy is about: roles, users and accounts of AWS. */
import { listOf, type OneOrMore } from "../text/text.js";

/** One principal or several, by kind (AWS, Service, Federated, CanonicalUser). */
export type Principals = Record<string, OneOrMore<string>>;

export function awsPrincipals({
  Principal,
}: {
  Principal?: "*" | Principals | undefined;
}): string[] {
  return typeof Principal === "object" ? listOf(Principal.AWS) : [];
}

/**
 * Whether a principal is the unique id of a role or a user. IAM shows it so only where that one is
 * gone (even if one of that name exists again), and then refuses every document that still
 * holds the id.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
export function isUniqueId(principal: string): boolean {
  return /^A(ROA|IDA)[A-Z0-9]+$/.test(principal);
}
