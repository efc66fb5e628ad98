/** Functions that look something up: getRole, getCallerIdentity, getRegion, getPartition. */
import { text, type PropertyMap } from "../plugin/values.js";
import { role } from "./role.js";
import type { Settings } from "./settings.js";

type Lookup = (settings: Settings, args: PropertyMap, signal: AbortSignal) => Promise<PropertyMap>;

export const functions: Record<string, Lookup | undefined> = {
  "aws:iam/getRole:getRole": async (settings, args, signal) => {
    const name = text(args, "name") ?? "";
    const found = await role.read({ settings, signal, seconds: 0 }, name);
    if (!found) {
      throw new Error(`reading IAM Role (${name}): couldn't find resource`);
    }
    const { inlinePolicies, managedPolicyArns, tagsAll, ...shown } = found;
    void [inlinePolicies, managedPolicyArns, tagsAll];
    return { permissionsBoundary: "", roleLastUseds: [], ...shown };
  },

  "aws:index/getCallerIdentity:getCallerIdentity": async ({ sts }) => {
    const { Account, Arn, UserId } = await sts.getCallerIdentity({});
    return { id: Account, accountId: Account, arn: Arn, userId: UserId };
  },

  "aws:index/getRegion:getRegion": ({ region: current }, args) => {
    const region = text(args, "region") ?? text(args, "name") ?? current;
    const endpoint = `ec2.${region}.${partition(region).dnsSuffix}`;
    return Promise.resolve({ id: region, name: region, region, endpoint, description: region });
  },

  "aws:index/getPartition:getPartition": ({ region }) => Promise.resolve(partition(region)),
};

function partition(region: string) {
  const [id, dnsSuffix] = region.startsWith("cn-")
    ? ["aws-cn", "amazonaws.com.cn"]
    : [region.startsWith("us-gov-") ? "aws-us-gov" : "aws", "amazonaws.com"];
  const reverseDnsPrefix = String(dnsSuffix).split(".").reverse().join(".");
  return { id, partition: id, dnsSuffix, reverseDnsPrefix };
}
