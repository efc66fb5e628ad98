/** The provider's settings: which account, region and endpoint. */
import type { IAM } from "@aws-sdk/client-iam";
import type { STS } from "@aws-sdk/client-sts";

import { isMap, reveal, text, type PropertyMap, type Value } from "../plugin/values.js";

export interface Settings {
  iam: IAM;
  sts: STS;
  region: string;
}

/**
 * Without settings the SDK's own sources count: AWS_REGION, AWS_ENDPOINT_URL, credentials from the
 * environment, a profile, and so on.
 *
 * @throws where no region is given anywhere.
 */
export async function readSettings(config: PropertyMap): Promise<Settings> {
  if (structured(config.defaultTags) !== undefined || structured(config.assumeRoles)) {
    throw new Error(
      "defaultTags and assumeRoles are not supported by the stand-in for the aws provider; " +
        "leave them out or install the official plugin.",
    );
  }
  const region = text(config, "region") ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  if (region === undefined) {
    throw new Error("aws:region: no region is configured; set it, or AWS_REGION.");
  }
  const accessKeyId = text(config, "accessKey");
  const secretAccessKey = text(config, "secretKey");
  const sessionToken = text(config, "token");
  const common = {
    region,
    profile: text(config, "profile"),
    ...(accessKeyId !== undefined && secretAccessKey !== undefined
      ? { credentials: { accessKeyId, secretAccessKey, sessionToken } }
      : {}),
  };
  const [{ IAM }, { STS }] = await Promise.all([
    import("@aws-sdk/client-iam"),
    import("@aws-sdk/client-sts"),
  ]);
  return {
    region,
    iam: new IAM({ ...common, ...endpoint(config, "iam") }),
    sts: new STS({ ...common, ...endpoint(config, "sts") }),
  };
}

function endpoint(config: PropertyMap, service: string): { endpoint?: string } {
  const endpoints = structured(config.endpoints);
  const entries = Array.isArray(endpoints) ? endpoints.filter(isMap) : [];
  const found = entries.map((entry) => text(entry, service)).find((url) => url !== undefined);
  return found === undefined ? {} : { endpoint: found };
}

/** Lists and maps reach a provider's settings as JSON. Empty ones count as absent. */
function structured(value: Value | undefined): Value | undefined {
  const plain = value === undefined ? undefined : reveal(value);
  const parsed = typeof plain === "string" ? (JSON.parse(plain) as Value) : plain;
  const empty = Array.isArray(parsed) && parsed.length === 0;
  return parsed === null || empty ? undefined : parsed;
}
