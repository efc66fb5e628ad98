import pMap from "p-map";

import { IamReader, type RoleDocuments } from "../aws/iam.js";
import {
  evaluateAssumeRole,
  type AssumeRoleQuestion,
  type PolicyDocument,
} from "../../migration/iam/assumeRole.js";
import { awsContact, otherAccountContact } from "../../migration/contact/aws.js";
import type { Contact } from "../../migration/contact/contact.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { iamChain, type IamChain } from "../../migration/iam/chain.js";
import type { ApplicationRoleFacts, IamFacts, RoleFacts } from "../../migration/facts/iamFacts.js";
import { messageOf } from "../../migration/text/text.js";
import { accountOf, roleArnBeside, roleName } from "../../migration/iam/roleArn.js";
import type { Settings } from "../../migration/settings/schema.js";
import { callerAccount } from "../aws/caller.js";
import { tryAssumeRoles, type Tries } from "../aws/tryAssumeRole.js";

const concurrency = 8;

export interface IamFactsOptions {
  /** Also make real AssumeRoles through the kiam-server role, where the operator may. Default false. */
  tryAssumeRole?: boolean;
}

/**
 * Reads what IAM says of the chain masters → kiam-server → application roles, with the AWS SDK's
 * default credentials, region and endpoint (AWS_ENDPOINT_URL). Needs iam:ListRoles, or iam:GetRole,
 * iam:ListRolePolicies, GetRolePolicy, ListAttachedRolePolicies, GetPolicy, GetPolicyVersion on
 * the masters' and the kiam-server role. Changes nothing. What is refused is in `unread`; it does
 * not throw for it.
 *
 * @param facts pods and kube2iam are used
 * @returns undefined where neither the settings nor kube2iam tell the account
 */
export async function readIamFacts(
  settings: Settings,
  facts: ClusterFacts,
  { tryAssumeRole = false }: IamFactsOptions = {},
): Promise<IamFacts | undefined> {
  const chain = iamChain(settings, facts);
  if (chain === undefined) return undefined;
  const stranger = await whyNoAccess(settings.kiam.region, accountOf(chain.serverRoleArn));
  if (stranger !== undefined) return nothingRead(chain, stranger);
  const reader = await IamReader.connect(settings.kiam.region);
  const listed = await reader.list();
  const server = roleFacts(chain.serverRoleArn, await reader.look(roleName(chain.serverRoleArn)));
  const policies = server.exists ? await reader.policies(roleName(server.arn)) : undefined;
  const worker = await workerRole(reader, chain);
  const masters =
    chain.masterRoleName === undefined || !server.exists
      ? undefined
      : await reader.mayAssume(chain.masterRoleName, server.arn);
  const tries: Tries =
    tryAssumeRole && server.exists
      ? await tryAssumeRoles(server.arn, chain.applicationRoleArns, settings.kiam.region)
      : { tried: {}, notTried: undefined, unread: [] };
  const roles = await pMap(
    chain.applicationRoleArns,
    async (arn) => {
      const seen = await lookInAccount(reader, arn, server.arn);
      const role = applicationRole(arn, seen, { server, policies, worker });
      return { ...role, tried: tries.tried[arn] };
    },
    { concurrency },
  );
  return {
    serverRole: server,
    mastersMayAssumeServer: masters && { verdict: masters.allowed, reasons: masters.reasons },
    workerRoleArn: worker?.arn,
    roles: Object.fromEntries(roles.map((role) => [role.arn, role])),
    account: "arns" in listed ? listed.arns : undefined,
    unread: [...[...reader.failures].sort(), ...tries.unread],
    notTried: tries.notTried,
  };
}

async function whyNoAccess(region: string, account: string): Promise<Contact | undefined> {
  try {
    const own = await callerAccount(region);
    return own === account ? undefined : otherAccountContact(account, own);
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    return awsContact(account, { name, code, said: messageOf(error) });
  }
}

/** As one line, for the findings. */
function lineOf({ what, said }: Contact): string {
  const line = what.charAt(0).toLowerCase() + what.slice(1);
  return said === undefined ? line : `IAM could not be asked: ${line} (${said.join("; ")})`;
}

function nothingRead(chain: IamChain, why: Contact): IamFacts {
  const server = roleFacts(chain.serverRoleArn, undefined);
  const unknown = { server, policies: undefined, worker: undefined };
  return {
    serverRole: server,
    mastersMayAssumeServer: undefined,
    workerRoleArn: undefined,
    roles: Object.fromEntries(
      chain.applicationRoleArns.map((arn) => [arn, applicationRole(arn, undefined, unknown)]),
    ),
    account: undefined,
    unread: [lineOf(why)],
    noAccess: why,
    notTried: undefined,
  };
}

/** GetRole reads the caller's own account only: a role of another one cannot be looked at. */
async function lookInAccount(
  reader: IamReader,
  arn: string,
  own: string,
): Promise<RoleDocuments | "absent" | undefined> {
  return accountOf(arn) === accountOf(own) ? reader.look(roleName(arn)) : undefined;
}

function roleFacts(arn: string, seen: RoleDocuments | "absent" | undefined): RoleFacts {
  if (seen === undefined) return { arn, id: undefined, exists: undefined };
  const there = seen !== "absent" && seen.arn === arn;
  return { arn, id: there ? seen.id : undefined, exists: there };
}

async function workerRole(
  reader: IamReader,
  { workerRoleName, serverRoleArn }: IamChain,
): Promise<AssumeRoleQuestion["caller"] | undefined> {
  if (workerRoleName === undefined) return undefined;
  const seen = await reader.look(roleName(workerRoleName));
  const known = seen === "absent" ? undefined : seen;
  return {
    arn: known?.arn ?? roleArnBeside(serverRoleArn, workerRoleName),
    id: known?.id,
    policies: undefined,
  };
}

/** What assumes application roles: kiam's server by these policies, and the workers until now. */
interface Callers {
  server: RoleFacts;
  policies: PolicyDocument[] | undefined;
  worker: AssumeRoleQuestion["caller"] | undefined;
}

function applicationRole(
  arn: string,
  seen: RoleDocuments | "absent" | undefined,
  { server, policies, worker }: Callers,
): ApplicationRoleFacts {
  const role = roleFacts(arn, seen);
  const found = seen === "absent" ? undefined : seen;
  const trust = role.exists ? found?.trust : undefined;
  // IAM shows a principal by its id only where it is gone: no role has the id "none".
  const id = server.exists === false ? "none" : server.id;
  const answer = evaluateAssumeRole({
    caller: { arn: server.arn, id, policies },
    target: { arn, trust },
  });
  return {
    ...role,
    elsewhere: role.exists === false ? found?.arn : undefined,
    trust,
    trustsServer: answer.trust,
    trustDenies: answer.trustDenies,
    trustsWorker: worker && evaluateAssumeRole({ caller: worker, target: { arn, trust } }).trust,
    serverMay: answer.identity,
    reasons: role.exists === false ? [`there is no role ${arn}`] : answer.reasons,
    serverReasons: answer.identityReasons,
    tried: undefined,
  };
}
