/** Region of AWS's endpoints: the environment's, as for every AWS tool, else `fallback`. */
export function awsRegion(fallback: string): string {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  return AWS_REGION ?? AWS_DEFAULT_REGION ?? fallback;
}
