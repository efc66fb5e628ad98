import type { Judgement } from "../judgement.js";

/** What holds for kiam in every cluster. */
export function auditKiamItself(): Judgement[] {
  return [
    {
      code: "kiam-archived",
      severity: "informs",
      object: "kiam",
      seen: "its repository is archived; v4.2 is its last release",
      fix: "plan the step after this one: EKS Pod Identity or IAM roles for service accounts (IRSA); the roles stay, and each annotation says which one a service account will need",
    },
  ];
}
