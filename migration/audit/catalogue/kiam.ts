import type { Catalogue } from "./entry.js";

/** kiam as such: the project, its namespace, its certificates. */
export const kiamFindings = {
  "kiam-archived": {
    title: "kiam is archived: this is not the last move",
    severities: ["informs"],
    cause: "Always: uswitch/kiam is read-only on GitHub, and v4.2 is its last release.",
    consequence:
      "Nobody mends what is found in it. It remains the shortest way off kube2iam, since annotations and roles stay as they are.",
    cure: "Plan the next step. On EKS: EKS Pod Identity, or IAM roles for service accounts (IRSA). On kops and other clusters: IRSA, with the cluster's own OIDC issuer and the amazon-eks-pod-identity-webhook. In all of them a role belongs to a service account, so the annotation iam.amazonaws.com/role of each workload tells what its service account will need; kiam can serve the others meanwhile.",
    acknowledgeable: true,
    source: "github.com/uswitch/kiam",
  },
} as const satisfies Catalogue;
