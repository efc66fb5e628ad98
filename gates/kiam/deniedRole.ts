import type { AssumeRoleAnswer } from "../../migration/iam/assumeRole.js";
import { roleName } from "../../migration/iam/roleArn.js";
import type { IamReader } from "../../cluster/aws/iam.js";
import type { Problem } from "../../migration/text/problem.js";

/** The chain of roles: masters → kiam-server → application. */
export interface RoleChain {
  serverRoleArn: string;
  /** Unset: taken from the refusal. */
  masterRoleName?: string | undefined;
}

/** A refusal of STS, as kiam's server logged it. */
export interface Denial {
  /** ARN of the role that was to be fetched. */
  role: string;
  message: string;
  /** Session that asked, such as `arn:aws:sts::123456789012:assumed-role/kiam-server/kiam-kiam`. */
  caller: string | undefined;
  /** ARN of the role that was refused to it. */
  resource: string | undefined;
}

export interface ExplainedDenial {
  problem: Problem;
  /** IAM's documents deny it: waiting will not mend it. */
  final: boolean;
}

/** Which link of the chain a refusal is about, and which half of that link is missing. */
export async function explainDenial(
  iam: IamReader,
  chain: RoleChain,
  denial: Denial,
): Promise<ExplainedDenial> {
  const sessionRole = /:assumed-role\/([^/]+)\//.exec(denial.caller ?? "")?.[1];
  const first = denial.resource === chain.serverRoleArn;
  const target = first ? chain.serverRoleArn : denial.role;
  const caller = first
    ? (chain.masterRoleName ?? sessionRole)
    : (sessionRole ?? chain.serverRoleArn);
  const where = first ? `role ${chain.serverRoleArn}` : `role ${denial.role}`;
  const what = denial.message.split("\n")[0] ?? denial.message;

  const explained = (final: boolean, more: Pick<Problem, "why" | "fix"> = {}) => ({
    final,
    problem: { where, what, ...more },
  });
  if ((await iam.exists(target)) === false) {
    return explained(true, {
      why: `there is no role ${target}`,
      fix: first
        ? "stage prepare creates it where iam.manage is on"
        : "create the role, or correct the annotation of the pods that ask for it",
    });
  }
  if (caller === undefined) return explained(false);
  if (!first && caller !== chain.serverRoleArn && caller !== roleName(chain.serverRoleArn)) {
    return explained(false, {
      why: `kiam's server asked as ${caller}, not as the kiam-server role ${chain.serverRoleArn}`,
      fix: "its --assume-role-arn has to name the kiam-server role",
    });
  }
  const answer = await iam.mayAssume(first ? caller : chain.serverRoleArn, target);
  const denied = answer.identity === "denied" || answer.trust === "denied";
  return explained(denied, reading(answer, target, first));
}

function reading(
  answer: AssumeRoleAnswer & { caller: string },
  target: string,
  first: boolean,
): Pick<Problem, "why" | "fix"> {
  const fixes: string[] = [];
  if (answer.identity !== "allowed") {
    fixes.push(
      first
        ? `allow ${answer.caller} sts:AssumeRole on ${target} in a policy of that role (stage prepare does where iam.manage is on and iam.masterRoleName is the masters' role)`
        : `allow ${answer.caller} sts:AssumeRole on ${target} in a policy of that role (iam.assumableRoles)`,
    );
  }
  if (answer.trust !== "allowed") {
    fixes.push(
      `add ${answer.caller} as a principal with sts:AssumeRole to the trust policy of ${target}; keep the principals that are named there`,
    );
  }
  if (fixes.length === 0) {
    return {
      why: "the policies of both roles allow it: a recent change may not have spread yet, or a permissions boundary or service control policy denies it",
      fix: "wait a minute and run again; else look for a boundary or service control policy",
    };
  }
  return { why: answer.reasons.join("; "), fix: fixes.join("; and ") };
}
