import type { IamPurpose } from "./iamRights.js";
import type { Purpose } from "./kubernetesRights.js";

/** Rights in kiam's namespace can be given once it is there: they have a file of their own. */
export type Part = "before" | "in-kiam";

/** The file of the Kubernetes rights for a purpose. */
export function manifestFile(purpose: Purpose, part: Part): string {
  return `rights/kubernetes/${purpose}${part === "in-kiam" ? "-in-kiam" : ""}.yaml`;
}

/** The file of the policy for a purpose. */
export function policyFile(purpose: IamPurpose): string {
  return `rights/iam/${purpose}.json`;
}
