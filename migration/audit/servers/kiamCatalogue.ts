import type { Catalogue } from "../entry.js";

/** kiam as such: the project, its namespace, its certificates. */
export const kiamFindings = {
  "certificate-expires": {
    title: "A certificate of kiam's server or agent expires soon",
    severities: ["warns", "blocks"],
    cause:
      "Less than 30 days are left, or a quarter of a life shorter than 120 days; it blocks at two days, or a twentieth of a life shorter than 40, unless kiam supplies a worker already.",
    consequence:
      "From then on agents and servers refuse each other, and no pod gets credentials that are not cached.",
    cure: "Renew it: replace the command kiam-tls; put new ones into your own secrets; or see why cert-manager does not.",
    acknowledgeable: true,
    onlyForward: true,
  },
  "certificate-invalid": {
    title: "A secret for kiam holds no certificate",
    severities: ["warns", "blocks"],
    cause:
      "It lacks tls.crt, tls.key or ca.crt, or what it has there is no certificate; from stage server on it blocks.",
    consequence: "Neither server nor agent starts with it.",
    cure: "Put a certificate, its key and its CA there.",
    acknowledgeable: false,
    onlyForward: true,
  },
  "certificate-unread": {
    title: "You may not read kiam's certificates",
    severities: ["warns"],
    cause: "The API refuses to show the secret.",
    consequence: "A certificate that is about to expire goes unnoticed.",
    cure: "Apply rights/kubernetes/look-in-kiam.yaml, or move-in-kiam.yaml for one who also moves (docs/rights.md).",
    acknowledgeable: true,
  },
  "image-of-archived-project": {
    title: "New nodes pull kiam from a registry path that is no longer maintained",
    severities: ["warns"],
    cause:
      "The stage is retire, and kiam.image is a tag at a path where kiam's authors published (quay.io/uswitch/kiam), without a digest. Whether your nodes pull through a mirror is not seen.",
    consequence:
      "A node that joins once the tag is gone gets no agent, and its pods get no credentials. The tag may also get other content.",
    cure: "Copy the image to a registry of your own and set kiam.image to it, by digest. Acknowledge it where your nodes pull through a mirror that keeps it.",
    acknowledgeable: true,
  },
  "kiam-archived": {
    title: "kiam is archived: this is not the last move",
    severities: ["informs"],
    cause: "Always: uswitch/kiam is read-only on GitHub, and v4.2 is its last release.",
    consequence:
      "What is found in it is not mended. It remains the shortest way off kube2iam, since annotations and roles stay as they are.",
    cure: "Plan the next step. On EKS: EKS Pod Identity, or IAM roles for service accounts (IRSA). On kops and other clusters: IRSA, with the cluster's own OIDC issuer and the amazon-eks-pod-identity-webhook. In all of them a role belongs to a service account, so the annotation iam.amazonaws.com/role of each workload tells what its service account will need; kiam can serve the others meanwhile.",
    acknowledgeable: true,
    source: "github.com/uswitch/kiam",
  },
  "pod-security-rejects-kiam": {
    title: "PodSecurity admission rejects kiam's pods",
    severities: ["warns", "blocks"],
    cause:
      "kiam's namespace enforces baseline or restricted: the label that this program gave it was changed. From stage server on it blocks.",
    consequence:
      "The API server rejects the pods of server (host path) and agent (host network, NET_ADMIN).",
    cure: "Label the namespace privileged again. The probe pods' namespace may enforce any level.",
    acknowledgeable: true,
    onlyForward: true,
  },
} as const satisfies Catalogue;
