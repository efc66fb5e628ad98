import type { Contact } from "../contact/contact.js";
import type { Verdict } from "../iam/assumeRole.js";
import type { TrustDocument } from "../iam/trust.js";

/** What IAM says of the roles that the migration is about. */
export interface IamFacts {
  /** The kiam-server role. */
  serverRole: RoleFacts;
  /**
   * Whether the masters' role may assume the kiam-server role; undefined where the settings do not
   * name it, or there is no kiam-server role.
   */
  mastersMayAssumeServer: { verdict: Verdict; reasons: string[] } | undefined;
  /** The workers' role, which kube2iam uses; undefined where the settings do not name it. */
  workerRoleArn: string | undefined;
  /** The roles that pods and the probe use, by ARN. */
  roles: Record<string, ApplicationRoleFacts>;
  /** ARNs of all roles in the account, sorted; undefined where listing is refused. */
  account: string[] | undefined;
  /** What could not be read of these roles, and why. */
  unread: string[];
  /** Why none of them could be read; undefined where IAM answered. */
  noAccess?: Contact | undefined;
  /** Why no real AssumeRole was made although it was asked for. */
  notTried?: string | undefined;
}

export interface RoleFacts {
  arn: string;
  /** Its unique id, AROA…; undefined where it does not exist or cannot be read. */
  id: string | undefined;
  /** undefined: could not be found out. */
  exists: boolean | undefined;
}

export interface ApplicationRoleFacts extends RoleFacts {
  /** ARN of the account's role of that name, where it has another path than pods ask for. */
  elsewhere?: string | undefined;
  /** Its trust policy; undefined where it could not be read. */
  trust: TrustDocument | undefined;
  /** Whether its trust policy lets the kiam-server role in. */
  trustsServer: Verdict;
  /** Whether a statement of it denies the kiam-server role, whatever others allow. */
  trustDenies: boolean;
  /** Whether it lets the workers' role in; undefined where that role is not known. */
  trustsWorker: Verdict | undefined;
  /** Whether the kiam-server role's own policies let it assume this role. */
  serverMay: Verdict;
  /** Why what is not allowed is not. */
  reasons: string[];
  /** Those of them that are about the kiam-server role's own policies. */
  serverReasons: string[];
  /** What STS said to a real AssumeRole through the kiam-server role; undefined where none was made. */
  tried: { ok: boolean; message: string } | undefined;
}
