import { identityPolicy, type IdentityPolicy } from "../../migration/rights/iamPolicies.js";
import { exampleArns } from "../../migration/rights/iamRights.js";
import { applicationRoles, nodeRoles, roleArn } from "../workload/roles.js";

/** The policies of rights/iam, with the lab's roles in place of the words in capitals. */
export function operatorPolicies(): Record<string, IdentityPolicy> {
  const arns = {
    ...exampleArns,
    server: [roleArn({ name: "kiam-server" })],
    masters: [roleArn({ name: nodeRoles.masters })],
    workers: [roleArn({ name: nodeRoles.workers })],
    madeHere: [roleArn({ name: "kiam-probe" })],
    applications: applicationRoles.map(roleArn),
  };
  return { move: identityPolicy("move", arns), trust: identityPolicy("trust", arns) };
}
