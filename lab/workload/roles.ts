/** The IAM roles of a cluster that runs kube2iam: its nodes' and its applications'. */
import {
  CreateRoleCommand,
  EntityAlreadyExistsException,
  PutRolePolicyCommand,
  type IAMClient,
} from "@aws-sdk/client-iam";

/** One application's role, and how its pods name it. */
export interface ApplicationRole {
  namespace: string;
  /** Name without path: what a session of the role is called by. */
  name: string;
  path: string;
  /** Value of the pods' `iam.amazonaws.com/role`. */
  annotation: string;
}

export const account = "123456789012";
export const nodeRoles = { masters: "masters.lab.k8s.local", workers: "nodes.lab.k8s.local" };

/** One role with a path and one annotated by its full ARN: the forms that go wrong elsewhere. */
export const applicationRoles: readonly ApplicationRole[] = [
  { namespace: "orders", name: "app-orders", path: "/", annotation: "app-orders" },
  {
    namespace: "payments",
    name: "app-payments",
    path: "/teams/payments/",
    annotation: "teams/payments/app-payments",
  },
  {
    namespace: "reports",
    name: "app-reports",
    path: "/",
    annotation: `arn:aws:iam::${account}:role/app-reports`,
  },
  { namespace: "batch", name: "app-batch", path: "/", annotation: "app-batch" },
];

export function roleArn(role: { name: string; path?: string }): string {
  return `arn:aws:iam::${account}:role${role.path ?? "/"}${role.name}`;
}

const policy = (...statements: object[]) =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });

const trusting = (principal: object) =>
  policy({ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" });

const describeInstances = {
  Effect: "Allow",
  Action: ["ec2:DescribeInstances", "ec2:DescribeRegions"],
  Resource: "*",
};

/**
 * Creates the node roles as kops does, lets workers assume the application roles as kube2iam
 * needs, and creates application roles that trust the workers' role only. Roles that exist
 * are left as they are.
 */
export async function seedRoles(iam: IAMClient): Promise<void> {
  const ec2 = trusting({ Service: "ec2.amazonaws.com" });
  await createRole(iam, nodeRoles.masters, "/", ec2);
  await createRole(iam, nodeRoles.workers, "/", ec2);
  await putPolicy(iam, nodeRoles.masters, policy(describeInstances));
  await putPolicy(
    iam,
    nodeRoles.workers,
    policy(describeInstances, {
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Resource: applicationRoles.map(roleArn),
    }),
  );
  const workers = trusting({ AWS: roleArn({ name: nodeRoles.workers }) });
  for (const role of applicationRoles) {
    await createRole(iam, role.name, role.path, workers);
  }
}

async function createRole(iam: IAMClient, name: string, path: string, trust: string) {
  try {
    await iam.send(
      new CreateRoleCommand({ RoleName: name, Path: path, AssumeRolePolicyDocument: trust }),
    );
  } catch (problem) {
    if (!(problem instanceof EntityAlreadyExistsException)) {
      throw new Error(`creating role ${name}`, { cause: problem });
    }
  }
}

async function putPolicy(iam: IAMClient, role: string, document: string) {
  await iam.send(
    new PutRolePolicyCommand({ RoleName: role, PolicyName: role, PolicyDocument: document }),
  );
}
