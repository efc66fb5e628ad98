import type * as Sdk from "@aws-sdk/client-iam";

import {
  evaluateAssumeRole,
  type AssumeRoleAnswer,
  type PolicyDocument,
} from "../../migration/iam/assumeRole.js";
import { messageOf } from "../../migration/text/text.js";
import { parsePolicy } from "../../migration/iam/policyDocument.js";
import { roleName } from "../../migration/iam/roleArn.js";
import type { TrustDocument } from "../../migration/iam/trust.js";
import { awsRegion } from "./caller.js";

export interface RoleDocuments {
  arn: string;
  /** Unique id, AROA…. */
  id: string | undefined;
  trust: TrustDocument | undefined;
  /** Why its trust policy is not known. */
  problem?: string;
}

/** Reads roles and their policies: who may assume whom, and why not. */
export class IamReader {
  private readonly answers = new Map<string, Promise<unknown>>();
  private listed: Map<string, RoleDocuments> | undefined;

  /** What could not be read, and why. */
  readonly failures = new Set<string>();

  private constructor(
    private readonly client: Sdk.IAMClient,
    private readonly sdk: typeof Sdk,
  ) {}

  /** By the AWS SDK's default chain of credentials; `region` where the environment names none. */
  static async connect(region: string): Promise<IamReader> {
    const sdk = await import("@aws-sdk/client-iam");
    return new IamReader(await iamClient(region), sdk);
  }

  /** @param caller name of the role, with or without the ARN before it */
  async mayAssume(
    caller: string,
    targetArn: string,
  ): Promise<AssumeRoleAnswer & { caller: string }> {
    const callerName = roleName(caller);
    const [role, policies, target] = await Promise.all([
      this.known(callerName),
      this.policies(callerName),
      this.known(roleName(targetArn)),
    ]);
    // Trust policies name the role by its full ARN, path included.
    const callerArn = role?.arn ?? caller;
    return {
      caller: callerArn,
      ...evaluateAssumeRole({
        caller: { arn: callerArn, id: role?.id, policies },
        target: { arn: targetArn, trust: target?.trust },
      }),
    };
  }

  /** Whether such a role exists; undefined where that could not be found out. */
  async exists(arn: string): Promise<boolean | undefined> {
    const role = await this.look(roleName(arn));
    return role === undefined ? undefined : role !== "absent";
  }

  /**
   * Lists the account's roles with their trust policies, a thousand a call; {@link look} then needs
   * no call of its own.
   *
   * @returns their ARNs, sorted, or why they could not be listed
   */
  async list(): Promise<{ arns: string[] } | { problem: string }> {
    const listed = new Map<string, RoleDocuments>();
    try {
      const pages = this.sdk.paginateListRoles({ client: this.client, pageSize: 1000 }, {});
      for await (const { Roles = [] } of pages) {
        for (const role of Roles) listed.set(role.RoleName ?? "", documentsOf(role));
      }
    } catch (error) {
      return { problem: messageOf(error) };
    }
    this.listed = listed;
    return { arns: [...listed.values()].map(({ arn }) => arn).sort() };
  }

  /**
   * A role of this account.
   *
   * @param name without path
   * @returns undefined where it could not be read; see {@link failures}
   */
  async look(name: string): Promise<RoleDocuments | "absent" | undefined> {
    const role =
      this.listed === undefined ? await this.get(name) : (this.listed.get(name) ?? "absent");
    if (typeof role === "object" && role.problem !== undefined) {
      this.failures.add(`role ${name}: ${role.problem}`);
    }
    return role;
  }

  private get(name: string): Promise<RoleDocuments | "absent" | undefined> {
    return this.once(`role ${name}`, async () => {
      try {
        const { Role } = await this.client.send(new this.sdk.GetRoleCommand({ RoleName: name }));
        return Role === undefined ? "absent" : documentsOf(Role);
      } catch (error) {
        if (error instanceof this.sdk.NoSuchEntityException) return "absent";
        throw error;
      }
    });
  }

  /** All policies of a role, inline and attached; undefined where one could not be read. */
  policies(name: string): Promise<PolicyDocument[] | undefined> {
    return this.once(`policies of role ${name}`, async () => {
      const [inline, attached] = await Promise.all([this.inline(name), this.attached(name)]);
      return [...inline, ...attached];
    });
  }

  private async known(name: string): Promise<RoleDocuments | undefined> {
    const role = await this.look(name);
    return role === "absent" ? undefined : role;
  }

  private async inline(RoleName: string): Promise<PolicyDocument[]> {
    const documents: PolicyDocument[] = [];
    const pages = this.sdk.paginateListRolePolicies({ client: this.client }, { RoleName });
    for await (const { PolicyNames = [] } of pages) {
      for (const PolicyName of PolicyNames) {
        const policy = await this.client.send(
          new this.sdk.GetRolePolicyCommand({ RoleName, PolicyName }),
        );
        documents.push(parsePolicy(`its policy ${PolicyName}`, policy.PolicyDocument));
      }
    }
    return documents;
  }

  private async attached(RoleName: string): Promise<PolicyDocument[]> {
    const documents: PolicyDocument[] = [];
    const pages = this.sdk.paginateListAttachedRolePolicies({ client: this.client }, { RoleName });
    for await (const { AttachedPolicies = [] } of pages) {
      for (const { PolicyArn } of AttachedPolicies) {
        const { Policy } = await this.client.send(new this.sdk.GetPolicyCommand({ PolicyArn }));
        const { PolicyVersion } = await this.client.send(
          new this.sdk.GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }),
        );
        documents.push(parsePolicy(`its policy ${PolicyArn}`, PolicyVersion?.Document));
      }
    }
    return documents;
  }

  /** Several roles ask for the same documents; a failure is remembered and means "cannot tell". */
  private once<T>(what: string, read: () => Promise<T>): Promise<T | undefined> {
    const known = this.answers.get(what) as Promise<T | undefined> | undefined;
    if (known !== undefined) return known;
    const answer = read().catch((error: unknown) => {
      this.failures.add(`${what}: ${messageOf(error)}`);
      return undefined;
    });
    this.answers.set(what, answer);
    return answer;
  }
}

/** By the AWS SDK's default chain of credentials; `region` where the environment names none. */
export async function iamClient(region: string): Promise<Sdk.IAMClient> {
  const { IAMClient } = await import("@aws-sdk/client-iam");
  return new IAMClient({ region: awsRegion(region) });
}

/** One whose trust policy is not understood is there all the same. */
function documentsOf(role: Sdk.Role): RoleDocuments {
  const known = { arn: role.Arn ?? "", id: role.RoleId };
  try {
    const trust = parsePolicy<TrustDocument>("its trust policy", role.AssumeRolePolicyDocument);
    return { ...known, trust };
  } catch (error) {
    return { ...known, trust: undefined, problem: messageOf(error) };
  }
}
