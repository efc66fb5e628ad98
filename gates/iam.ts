import type * as Sdk from "@aws-sdk/client-iam";

import {
  evaluateAssumeRole,
  type AssumeRoleAnswer,
  type PolicyDocument,
} from "../migration/assumeRole.js";
import { messageOf } from "./problem.js";

interface RoleDocuments {
  arn: string;
  /** Unique id, AROA…. */
  id: string | undefined;
  trust: PolicyDocument | undefined;
}

/** Reads roles and their policies, to explain why one may not assume another. */
export class IamReader {
  private readonly answers = new Map<string, Promise<unknown>>();

  /** What could not be read, and why. */
  readonly failures = new Set<string>();

  private constructor(
    private readonly client: Sdk.IAMClient,
    private readonly sdk: typeof Sdk,
  ) {}

  /** By the AWS SDK's default chain of credentials; `region` where the environment names none. */
  static async connect(region: string): Promise<IamReader> {
    const sdk = await import("@aws-sdk/client-iam");
    const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
    const client = new sdk.IAMClient({ region: AWS_REGION ?? AWS_DEFAULT_REGION ?? region });
    return new IamReader(client, sdk);
  }

  /** @param caller name of the role, with or without the ARN before it */
  async mayAssume(
    caller: string,
    targetArn: string,
  ): Promise<AssumeRoleAnswer & { caller: string }> {
    const callerName = roleName(caller);
    const [role, policies, target] = await Promise.all([
      this.role(callerName),
      this.policies(callerName),
      this.role(roleName(targetArn)),
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
    try {
      await this.client.send(new this.sdk.GetRoleCommand({ RoleName: roleName(arn) }));
      return true;
    } catch (error) {
      return error instanceof this.sdk.NoSuchEntityException ? false : undefined;
    }
  }

  private role(name: string): Promise<RoleDocuments | undefined> {
    return this.once(`role ${name}`, async () => {
      const { Role } = await this.client.send(new this.sdk.GetRoleCommand({ RoleName: name }));
      return {
        arn: Role?.Arn ?? "",
        id: Role?.RoleId,
        trust: parseDocument(Role?.AssumeRolePolicyDocument),
      };
    });
  }

  private policies(name: string): Promise<PolicyDocument[] | undefined> {
    return this.once(`policies of role ${name}`, async () => {
      const [inline, attached] = await Promise.all([this.inline(name), this.attached(name)]);
      return [...inline, ...attached];
    });
  }

  private async inline(RoleName: string): Promise<PolicyDocument[]> {
    const documents: PolicyDocument[] = [];
    const pages = this.sdk.paginateListRolePolicies({ client: this.client }, { RoleName });
    for await (const { PolicyNames = [] } of pages) {
      for (const PolicyName of PolicyNames) {
        const policy = await this.client.send(
          new this.sdk.GetRolePolicyCommand({ RoleName, PolicyName }),
        );
        documents.push(...present(parseDocument(policy.PolicyDocument)));
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
        documents.push(...present(parseDocument(PolicyVersion?.Document)));
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

/** Last part of a role's ARN or path, which is its name. */
export function roleName(role: string): string {
  return role.slice(role.lastIndexOf("/") + 1);
}

/** IAM hands documents over URL-encoded. */
function parseDocument(text: string | undefined): PolicyDocument | undefined {
  return text === undefined ? undefined : (JSON.parse(decodeURIComponent(text)) as PolicyDocument);
}

function present<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
