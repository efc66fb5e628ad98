/** aws:iam/role:Role */
import type { IAM } from "@aws-sdk/client-iam";

import { isJsonMap, type JsonMap, type PropertyMap } from "../plugin/values.js";
import {
  document,
  optional,
  required,
  stringList,
  tagList,
  tagMap,
  type Context,
  type Entity,
} from "./entity.js";
import { isError, notFound, notSpreadYet, orMissing, retrying } from "./retry.js";

export const role: Entity = {
  inputs: [
    "assumeRolePolicy",
    "description",
    "forceDetachPolicies",
    "inlinePolicies",
    "managedPolicyArns",
    "maxSessionDuration",
    "name",
    "namePrefix",
    "path",
    "permissionsBoundary",
    "tags",
  ],
  required: ["assumeRolePolicy"],
  defaults: { forceDetachPolicies: false, maxSessionDuration: 3600, path: "/" },
  immutable: ["name", "namePrefix", "path"],
  policies: ["assumeRolePolicy"],
  computed: ["arn", "createDate", "uniqueId", "inlinePolicies", "managedPolicyArns"],
  maxName: 64,

  async create(context, inputs) {
    const { iam } = context.settings;
    const RoleName = required(inputs, "name");
    await retrying(
      () =>
        iam.createRole({
          RoleName,
          AssumeRolePolicyDocument: required(inputs, "assumeRolePolicy"),
          Path: optional(inputs, "path"),
          Description: optional(inputs, "description"),
          MaxSessionDuration: Number(inputs.maxSessionDuration ?? 3600),
          PermissionsBoundary: optional(inputs, "permissionsBoundary"),
          Tags: tagList(inputs.tags),
        }),
      notSpreadYet,
      context,
    );
    await retrying(() => iam.getRole({ RoleName }), notFound, context);
    await setPolicies(context, RoleName, {}, inputs);
    return RoleName;
  },

  async read({ settings: { iam } }, RoleName): Promise<PropertyMap | undefined> {
    const found = (await orMissing(iam.getRole({ RoleName })))?.Role;
    if (!found) {
      return undefined;
    }
    const [inline, managed] = await Promise.all([
      inlinePolicies(iam, RoleName),
      attached(iam, RoleName),
    ]);
    const tags = tagMap(found.Tags);
    return {
      id: RoleName,
      arn: found.Arn,
      assumeRolePolicy: document(found.AssumeRolePolicyDocument),
      createDate: found.CreateDate?.toISOString().replace(/\.\d+Z$/, "Z"),
      description: found.Description ?? "",
      inlinePolicies: inline,
      managedPolicyArns: managed,
      maxSessionDuration: found.MaxSessionDuration,
      name: found.RoleName,
      path: found.Path,
      permissionsBoundary: found.PermissionsBoundary?.PermissionsBoundaryArn,
      tags,
      tagsAll: tags,
      uniqueId: found.RoleId,
    };
  },

  async update(context, RoleName, olds, news) {
    const { iam } = context.settings;
    const changed = (key: string) => JSON.stringify(olds[key]) !== JSON.stringify(news[key]);
    if (changed("assumeRolePolicy")) {
      const PolicyDocument = required(news, "assumeRolePolicy");
      await retrying(
        () => iam.updateAssumeRolePolicy({ RoleName, PolicyDocument }),
        notSpreadYet,
        context,
      );
    }
    if (changed("description") || changed("maxSessionDuration")) {
      await iam.updateRole({
        RoleName,
        Description: optional(news, "description") ?? "",
        MaxSessionDuration: Number(news.maxSessionDuration ?? 3600),
      });
    }
    if (changed("permissionsBoundary")) {
      const PermissionsBoundary = optional(news, "permissionsBoundary");
      await (PermissionsBoundary === undefined
        ? iam.deleteRolePermissionsBoundary({ RoleName })
        : iam.putRolePermissionsBoundary({ RoleName, PermissionsBoundary }));
    }
    if (changed("tags")) {
      const kept = tagList(news.tags).map(({ Key }) => Key);
      const TagKeys = tagList(olds.tags)
        .map(({ Key }) => Key)
        .filter((key) => !kept.includes(key));
      if (TagKeys.length > 0) {
        await iam.untagRole({ RoleName, TagKeys });
      }
      if (kept.length > 0) {
        await iam.tagRole({ RoleName, Tags: tagList(news.tags) });
      }
    }
    await setPolicies(context, RoleName, olds, news);
  },

  async delete(context, RoleName, outputs) {
    const { iam } = context.settings;
    const profiles = await orMissing(iam.listInstanceProfilesForRole({ RoleName }));
    for (const { InstanceProfileName } of profiles?.InstanceProfiles ?? []) {
      await orMissing(iam.removeRoleFromInstanceProfile({ InstanceProfileName, RoleName }));
    }
    if (outputs.forceDetachPolicies === true) {
      await detachAll(iam, RoleName);
    }
    await orMissing(
      retrying(
        () => iam.deleteRole({ RoleName }),
        (error) => isError(error, "DeleteConflict"),
        context,
      ),
    );
  },
};

/** Policies declared on the role itself. Those declared as resources of their own are left alone. */
async function setPolicies(
  { settings: { iam } }: Context,
  RoleName: string,
  olds: JsonMap,
  news: JsonMap,
): Promise<void> {
  const arns = stringList(news.managedPolicyArns);
  for (const PolicyArn of stringList(olds.managedPolicyArns)) {
    if (!arns.includes(PolicyArn)) {
      await orMissing(iam.detachRolePolicy({ RoleName, PolicyArn }));
    }
  }
  for (const PolicyArn of arns) {
    await iam.attachRolePolicy({ RoleName, PolicyArn });
  }
  const wanted = declaredInline(news);
  for (const [PolicyName] of declaredInline(olds)) {
    if (!wanted.some(([name]) => name === PolicyName)) {
      await orMissing(iam.deleteRolePolicy({ RoleName, PolicyName }));
    }
  }
  for (const [PolicyName, PolicyDocument] of wanted) {
    await iam.putRolePolicy({ RoleName, PolicyName, PolicyDocument });
  }
}

function declaredInline(inputs: JsonMap): [string, string][] {
  const list = Array.isArray(inputs.inlinePolicies) ? inputs.inlinePolicies : [];
  return list
    .filter(isJsonMap)
    .filter(({ name, policy }) => typeof name === "string" && typeof policy === "string")
    .map((entry) => [required(entry, "name"), required(entry, "policy")]);
}

async function inlinePolicies(iam: IAM, RoleName: string): Promise<PropertyMap[]> {
  const { PolicyNames = [] } = (await orMissing(iam.listRolePolicies({ RoleName }))) ?? {};
  return Promise.all(
    PolicyNames.map(async (PolicyName) => {
      const found = await iam.getRolePolicy({ RoleName, PolicyName });
      return { name: PolicyName, policy: document(found.PolicyDocument) };
    }),
  );
}

async function attached(iam: IAM, RoleName: string): Promise<string[]> {
  const answer = await orMissing(iam.listAttachedRolePolicies({ RoleName }));
  return (answer?.AttachedPolicies ?? []).map(({ PolicyArn = "" }) => PolicyArn);
}

async function detachAll(iam: IAM, RoleName: string): Promise<void> {
  for (const PolicyArn of await attached(iam, RoleName)) {
    await orMissing(iam.detachRolePolicy({ RoleName, PolicyArn }));
  }
  const { PolicyNames = [] } = (await orMissing(iam.listRolePolicies({ RoleName }))) ?? {};
  for (const PolicyName of PolicyNames) {
    await orMissing(iam.deleteRolePolicy({ RoleName, PolicyName }));
  }
}
