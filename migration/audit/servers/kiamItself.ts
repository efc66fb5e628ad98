import type { Finding } from "../finding.js";

/** What holds for kiam in every cluster. */
export function auditKiamItself(): Finding[] {
  return [
    {
      code: "kiam-archived",
      severity: "informs",
      object: "kiam",
      seen: "its repository is archived; v4.2 is its last release",
      why: "nobody mends what is found in it from now on",
      fix: "plan the step after this one: EKS Pod Identity or IAM roles for service accounts (IRSA); the roles stay, and each annotation says which one a service account will need",
    },
  ];
}
