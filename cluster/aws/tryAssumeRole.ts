import type { STSClient } from "@aws-sdk/client-sts";
import pMap from "p-map";

import { awsRegion } from "./caller.js";
import { messageOf } from "../../migration/text/text.js";

/** What came of real AssumeRoles. */
export interface Tries {
  /** What STS answered, by ARN of the application role; those that it answered at all. */
  tried: Record<string, { ok: boolean; message: string }>;
  /** Why none was made, such as that the operator may not assume the kiam-server role. */
  notTried: string | undefined;
  /** Those that failed for another reason than that STS refuses them. */
  unread: string[];
}

/** Seconds that a session lasts: the least that STS accepts, since it is not used. */
const sessionSeconds = 900;
const concurrency = 8;

/**
 * Assumes the kiam-server role with the operator's own credentials (the AWS SDK's default chain),
 * and with that session each application role, exactly as kiam's server will. The credentials are
 * thrown away. Changes nothing; CloudTrail shows it as sessions named kiam-migrate.
 *
 * @param region of the STS endpoint where the environment names none
 */
export async function tryAssumeRoles(
  serverRoleArn: string,
  applicationRoleArns: readonly string[],
  region: string,
): Promise<Tries> {
  const { AssumeRoleCommand, STSClient } = await import("@aws-sdk/client-sts");
  const inRegion = { region: awsRegion(region) };
  const assume = (client: STSClient, RoleArn: string) =>
    client.send(
      new AssumeRoleCommand({
        RoleArn,
        RoleSessionName: "kiam-migrate",
        DurationSeconds: sessionSeconds,
      }),
    );
  let server: STSClient;
  try {
    const { Credentials } = await assume(new STSClient(inRegion), serverRoleArn);
    server = new STSClient({
      ...inRegion,
      credentials: {
        accessKeyId: Credentials?.AccessKeyId ?? "",
        secretAccessKey: Credentials?.SecretAccessKey ?? "",
        sessionToken: Credentials?.SessionToken,
      },
    });
  } catch (error) {
    const why = isRefusal(error)
      ? `your own credentials may not assume ${serverRoleArn}`
      : `assuming ${serverRoleArn} failed`;
    return { tried: {}, notTried: `${why}: ${messageOf(error)}`, unread: [] };
  }
  const tries: Tries = { tried: {}, notTried: undefined, unread: [] };
  await pMap(
    applicationRoleArns,
    async (arn) => {
      try {
        await assume(server, arn);
        tries.tried[arn] = { ok: true, message: "" };
      } catch (error) {
        if (isRefusal(error)) tries.tried[arn] = { ok: false, message: messageOf(error) };
        else tries.unread.push(`a session of ${arn}: ${messageOf(error)}`);
      }
    },
    { concurrency },
  );
  tries.unread.sort();
  return tries;
}

/** Other errors (throttling, no network, a session that expired) tell nothing about the roles. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^AccessDenied(Exception)?$/.test(error.name);
}
