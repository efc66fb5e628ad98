import { awsRegion } from "./region.js";

/**
 * The account of the AWS SDK's default credentials. STS tells it to everybody who has any.
 *
 * @param region of the STS endpoint where the environment names none
 * @throws what the SDK says where there are no credentials, or STS refuses them
 */
export async function callerAccount(region: string): Promise<string> {
  const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
  const sts = new STSClient({ region: awsRegion(region) });
  return (await sts.send(new GetCallerIdentityCommand({}))).Account ?? "";
}
