import { exampleArns } from "./iamRights.js";
import { identityPolicy } from "./iamPolicies.js";
import { manifestsText } from "./kubernetesManifests.js";
import { manifestFile, policyFile } from "./paths.js";

const purposes = ["look", "move"] as const;
const made = "# Made by `npm run docs:rights`; docs/rights.md says how to use it.\n";

/** Every file of rights/, by its path. */
export function rightsFiles(): Record<string, string> {
  const manifests = purposes.flatMap((purpose) =>
    (["before", "in-kiam"] as const).map((part): [string, string] => [
      manifestFile(purpose, part),
      made + manifestsText(purpose, part),
    ]),
  );
  const policies = (["look", "move", "trust"] as const).map((purpose): [string, string] => [
    policyFile(purpose),
    `${JSON.stringify(identityPolicy(purpose, exampleArns), null, 2)}\n`,
  ]);
  return Object.fromEntries([...manifests, ...policies]);
}
