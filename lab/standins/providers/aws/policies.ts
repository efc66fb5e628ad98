/** aws:iam/rolePolicy:RolePolicy, aws:iam/policy:Policy, aws:iam/rolePolicyAttachment:RolePolicyAttachment */
import { document, optional, required, tagList, tagMap, type Entity } from "./entity.js";
import { isError, notFound, notSpreadYet, orMissing, retrying } from "./retry.js";

const MAX_VERSIONS = 5;

/** A policy written into a role. Its id is `role:name`. */
export const rolePolicy: Entity = {
  inputs: ["name", "namePrefix", "policy", "role"],
  required: ["policy", "role"],
  defaults: {},
  immutable: ["name", "namePrefix", "role"],
  policies: ["policy"],
  computed: [],
  maxName: 128,

  async create(context, inputs) {
    const RoleName = required(inputs, "role");
    const PolicyName = required(inputs, "name");
    const PolicyDocument = required(inputs, "policy");
    const { iam } = context.settings;
    await retrying(
      () => iam.putRolePolicy({ RoleName, PolicyName, PolicyDocument }),
      notSpreadYet,
      context,
    );
    await retrying(() => iam.getRolePolicy({ RoleName, PolicyName }), notFound, context);
    return `${RoleName}:${PolicyName}`;
  },

  async read({ settings: { iam } }, id) {
    const [RoleName = "", PolicyName = ""] = id.split(":");
    const found = await orMissing(iam.getRolePolicy({ RoleName, PolicyName }));
    return (
      found && {
        id,
        name: PolicyName,
        role: RoleName,
        policy: document(found.PolicyDocument),
        namePrefix: "",
      }
    );
  },

  async update({ settings: { iam } }, id, _olds, news) {
    const [RoleName = "", PolicyName = ""] = id.split(":");
    await iam.putRolePolicy({ RoleName, PolicyName, PolicyDocument: required(news, "policy") });
  },

  async delete({ settings: { iam } }, id) {
    const [RoleName = "", PolicyName = ""] = id.split(":");
    await orMissing(iam.deleteRolePolicy({ RoleName, PolicyName }));
  },
};

/** A managed policy. Its id is its ARN. */
export const policy: Entity = {
  inputs: [
    "delayAfterPolicyCreationInMs",
    "description",
    "name",
    "namePrefix",
    "path",
    "policy",
    "tags",
  ],
  required: ["policy"],
  defaults: { path: "/" },
  immutable: ["description", "name", "namePrefix", "path"],
  policies: ["policy"],
  computed: ["arn", "attachmentCount", "policyId"],
  maxName: 128,

  async create(context, inputs) {
    const { iam } = context.settings;
    const { Policy } = await retrying(
      () =>
        iam.createPolicy({
          PolicyName: required(inputs, "name"),
          PolicyDocument: required(inputs, "policy"),
          Path: optional(inputs, "path"),
          Description: optional(inputs, "description"),
          Tags: tagList(inputs.tags),
        }),
      notSpreadYet,
      context,
    );
    const PolicyArn = Policy?.Arn ?? "";
    await retrying(() => iam.getPolicy({ PolicyArn }), notFound, context);
    return PolicyArn;
  },

  async read({ settings: { iam } }, PolicyArn) {
    const found = (await orMissing(iam.getPolicy({ PolicyArn })))?.Policy;
    if (!found) {
      return undefined;
    }
    const VersionId = found.DefaultVersionId;
    const { PolicyVersion } = await iam.getPolicyVersion({ PolicyArn, VersionId });
    const tags = tagMap(found.Tags);
    return {
      id: PolicyArn,
      arn: PolicyArn,
      attachmentCount: found.AttachmentCount ?? 0,
      description: found.Description ?? "",
      name: found.PolicyName,
      namePrefix: "",
      path: found.Path,
      policy: document(PolicyVersion?.Document),
      policyId: found.PolicyId,
      tags,
      tagsAll: tags,
    };
  },

  async update({ settings: { iam } }, PolicyArn, olds, news) {
    if (olds.policy !== news.policy) {
      const { Versions = [] } = await iam.listPolicyVersions({ PolicyArn });
      const others = Versions.filter(({ IsDefaultVersion }) => !IsDefaultVersion).sort(
        (a, b) => (a.CreateDate?.getTime() ?? 0) - (b.CreateDate?.getTime() ?? 0),
      );
      if (Versions.length >= MAX_VERSIONS && others[0]) {
        await iam.deletePolicyVersion({ PolicyArn, VersionId: others[0].VersionId });
      }
      await iam.createPolicyVersion({
        PolicyArn,
        PolicyDocument: required(news, "policy"),
        SetAsDefault: true,
      });
    }
    const kept = tagList(news.tags);
    const TagKeys = tagList(olds.tags)
      .map(({ Key }) => Key)
      .filter((key) => !kept.some(({ Key }) => Key === key));
    if (TagKeys.length > 0) {
      await iam.untagPolicy({ PolicyArn, TagKeys });
    }
    if (kept.length > 0) {
      await iam.tagPolicy({ PolicyArn, Tags: kept });
    }
  },

  async delete(context, PolicyArn) {
    const { iam } = context.settings;
    const { Versions = [] } = (await orMissing(iam.listPolicyVersions({ PolicyArn }))) ?? {};
    for (const { VersionId, IsDefaultVersion } of Versions) {
      if (!IsDefaultVersion) {
        await orMissing(iam.deletePolicyVersion({ PolicyArn, VersionId }));
      }
    }
    await orMissing(
      retrying(
        () => iam.deletePolicy({ PolicyArn }),
        (error) => isError(error, "DeleteConflict"),
        context,
      ),
    );
  },
};

/** A managed policy on a role. Its id is `role/policyArn`. */
export const rolePolicyAttachment: Entity = {
  inputs: ["policyArn", "role"],
  required: ["policyArn", "role"],
  defaults: {},
  immutable: ["policyArn", "role"],
  policies: [],
  computed: [],

  async create(context, inputs) {
    const RoleName = required(inputs, "role");
    const PolicyArn = required(inputs, "policyArn");
    const { iam } = context.settings;
    await retrying(
      () => iam.attachRolePolicy({ RoleName, PolicyArn }),
      (error) => isError(error, "ConcurrentModification"),
      context,
    );
    return `${RoleName}/${PolicyArn}`;
  },

  async read({ settings: { iam } }, id) {
    const slash = id.indexOf("/");
    const [RoleName, policyArn] = [id.slice(0, slash), id.slice(slash + 1)];
    const answer = await orMissing(iam.listAttachedRolePolicies({ RoleName }));
    const found = answer?.AttachedPolicies?.some(({ PolicyArn }) => PolicyArn === policyArn);
    return found ? { id, role: RoleName, policyArn } : undefined;
  },

  update: () => Promise.reject(new Error("An attachment cannot be changed, only replaced.")),

  async delete({ settings: { iam } }, id) {
    const slash = id.indexOf("/");
    const [RoleName, PolicyArn] = [id.slice(0, slash), id.slice(slash + 1)];
    await orMissing(iam.detachRolePolicy({ RoleName, PolicyArn }));
  },
};
