import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

import { roleArnBeside } from "../../migration/iam/roleArn.js";
import type { Settings } from "../../migration/settings/schema.js";

export interface IamRolesArgs {
  iam: Settings["iam"];
  /** Role ARNs, with wildcards, that the kiam-server role may assume. */
  assumableRoles: string[];
  /** Prefix of role ARNs, such as `arn:aws:iam::123456789012:role/`. Node roles are beside it, without a path. */
  roleBaseArn: string;
}

/**
 * The chain master node role → kiam-server role → application roles.
 *
 * Creates the kiam-server role with sts:AssumeRole on `assumableRoles`, lets the masters' role
 * assume it, and creates the application roles asked for, which trust the kiam-server role and,
 * until `iam.trustWorkerRole` is turned off, the workers' role that kube2iam uses. With
 * `iam.manage` off it creates nothing but those.
 */
export class IamRoles extends pulumi.ComponentResource {
  /** ARN of the kiam-server role; resolves once its policies are attached. */
  readonly serverRoleArn: pulumi.Output<string>;
  /** ARNs of the application roles created here, by name. */
  readonly applicationRoleArns: Record<string, pulumi.Output<string>> = {};

  constructor(name: string, args: IamRolesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:IamRoles", name, {}, opts);
    const { iam } = args;
    this.serverRoleArn = iam.manage
      ? this.serverRole(name, args)
      : pulumi.output(iam.serverRoleArn ?? "");
    for (const role of iam.applicationRoles) this.applicationRole(name, role, args);
    if (iam.trustWorkerRole && iam.applicationRoles.length > 0) this.workerPolicy(name, args);
    this.registerOutputs({
      serverRoleArn: this.serverRoleArn,
      applicationRoleArns: this.applicationRoleArns,
    });
  }

  private serverRole(
    name: string,
    { iam, assumableRoles, roleBaseArn }: IamRolesArgs,
  ): pulumi.Output<string> {
    const parent = { parent: this };
    const masterRoleName = iam.masterRoleName ?? "";
    const role = new aws.iam.Role(
      `${name}-server`,
      {
        name: iam.serverRoleName,
        path: iam.serverRolePath,
        description: "Assumed by kiam's server on the masters; assumes the roles of pods",
        assumeRolePolicy: trustOf([roleArnBeside(roleBaseArn, masterRoleName)]),
      },
      parent,
    );
    const assumes = new aws.iam.RolePolicy(
      `${name}-server-assumes`,
      { name: "assume-application-roles", role: role.name, policy: mayAssume(assumableRoles) },
      parent,
    );
    const masters = new aws.iam.RolePolicy(
      `${name}-master-assumes`,
      {
        name: "assume-kiam-server",
        role: masterRoleName,
        policy: role.arn.apply((arn) => mayAssume([arn])),
      },
      parent,
    );
    // The role is of no use before its permissions.
    return pulumi.all([role.arn, assumes.id, masters.id]).apply(([arn]) => arn);
  }

  /** kube2iam has to supply the same roles until it is gone, and on the way back. */
  private workerPolicy(name: string, { iam }: IamRolesArgs): void {
    new aws.iam.RolePolicy(
      `${name}-worker-assumes`,
      {
        name: "assume-application-roles",
        role: iam.workerRoleName ?? "",
        policy: pulumi.all(Object.values(this.applicationRoleArns)).apply(mayAssume),
      },
      { parent: this },
    );
  }

  private applicationRole(
    name: string,
    { name: roleName, path, policyArns }: Settings["iam"]["applicationRoles"][number],
    { iam, roleBaseArn }: IamRolesArgs,
  ): void {
    const worker = iam.trustWorkerRole
      ? [roleArnBeside(roleBaseArn, iam.workerRoleName ?? "")]
      : [];
    const role = new aws.iam.Role(
      `${name}-${roleName}`,
      {
        name: roleName,
        path,
        assumeRolePolicy: this.serverRoleArn.apply((server) => trustOf([server, ...worker])),
      },
      { parent: this },
    );
    for (const policyArn of policyArns) {
      new aws.iam.RolePolicyAttachment(
        `${name}-${roleName}-${policyArn.slice(policyArn.lastIndexOf("/") + 1)}`,
        { role: role.name, policyArn },
        { parent: this },
      );
    }
    this.applicationRoleArns[roleName] = role.arn;
  }
}

function trustOf(principals: string[]): string {
  return allowing({ Principal: { AWS: principals }, Action: "sts:AssumeRole" });
}

function mayAssume(resources: string[]): string {
  return allowing({ Action: "sts:AssumeRole", Resource: resources });
}

function allowing(statement: object): string {
  const Statement = [{ Effect: "Allow", ...statement }];
  return JSON.stringify({ Version: "2012-10-17", Statement });
}
