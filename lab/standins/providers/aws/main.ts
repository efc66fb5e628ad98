/**
 * Stand-in for the `aws` provider, for machines that cannot download the official plugin. It has the
 * IAM types and the look-ups that this project uses, and talks to the endpoint it is given.
 */
import { packageVersion } from "../../launch/package-version.js";
import type { Provider } from "../plugin/provider.js";
import { serve } from "../plugin/serve.js";
import { functions } from "./functions.js";
import { policy, rolePolicy, rolePolicyAttachment } from "./policies.js";
import { IamResource } from "./resource.js";
import { role } from "./role.js";
import { readSettings, type Settings } from "./settings.js";

let configured: Settings | undefined;
function settings(): Settings {
  if (!configured) {
    throw new Error("The provider has not been configured.");
  }
  return configured;
}

const resources: Record<string, IamResource | undefined> = {
  "aws:iam/role:Role": new IamResource(role, settings),
  "aws:iam/rolePolicy:RolePolicy": new IamResource(rolePolicy, settings),
  "aws:iam/policy:Policy": new IamResource(policy, settings),
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": new IamResource(
    rolePolicyAttachment,
    settings,
  ),
};

const provider: Provider = {
  name: "aws",
  version: packageVersion("@pulumi/aws"),
  configure: async (config) => {
    configured = await readSettings(config);
  },
  resource: (type) => resources[type],
  invoke: ({ token, args, signal }) => functions[token]?.(settings(), args, signal),
};

void serve(provider);
