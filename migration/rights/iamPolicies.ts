import { iamRights, type IamArns, type IamPurpose, type IamRight } from "./iamRights.js";

/** An identity policy, as IAM takes it. */
export interface IdentityPolicy {
  Version: "2012-10-17";
  Statement: { Effect: "Allow"; Action: readonly string[]; Resource: readonly string[] }[];
}

/** The rights for a purpose. Who moves also looks; who writes trust has what that takes, no more. */
export function iamRightsFor(purpose: IamPurpose): IamRight[] {
  return iamRights.filter(
    (right) => right.purpose === purpose || (purpose === "move" && right.purpose === "look"),
  );
}

/** The policy that has the rights for a purpose; one without a resource is left out. */
export function identityPolicy(purpose: IamPurpose, arns: IamArns): IdentityPolicy {
  return {
    Version: "2012-10-17",
    Statement: iamRightsFor(purpose)
      .map(({ actions, subjects }) => ({
        Effect: "Allow" as const,
        Action: actions,
        Resource: [...new Set(subjects.flatMap((subject) => arnsOf(subject, arns)))],
      }))
      .filter(({ Resource }) => Resource.length > 0),
  };
}

function arnsOf(subject: IamRight["subjects"][number], arns: IamArns): readonly string[] {
  return subject === "everything" ? ["*"] : arns[subject];
}
