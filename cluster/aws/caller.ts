/** Region of AWS's endpoints: the environment's, as for every AWS tool, else `fallback`. */
export function awsRegion(fallback: string): string {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  return AWS_REGION ?? AWS_DEFAULT_REGION ?? fallback;
}

/**
 * The account of the AWS SDK's default credentials. STS tells it to any that are valid.
 *
 * @param region of the STS endpoint where the environment names none
 * @throws what the SDK says where there are no credentials, or STS refuses them
 */
export async function callerAccount(region: string): Promise<string> {
  const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
  const sts = new STSClient({ region: awsRegion(region) });
  return (await sts.send(new GetCallerIdentityCommand({}))).Account ?? "";
}
