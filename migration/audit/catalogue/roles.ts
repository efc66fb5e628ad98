import type { Catalogue } from "./entry.js";

/** Roles, the namespaces that permit them and the policies that trust. */
export const roleFindings = {
  "annotation-managed-elsewhere": {
    title: "Somebody else manages a namespace's iam.amazonaws.com/permitted",
    severities: ["blocks"],
    cause: "The annotation has another value than the settings want, and another field manager.",
    consequence: "Two managers would overwrite each other's value.",
    cure: "Change it there, or take it over with namespaces.<name>.force.",
    acknowledgeable: false,
  },
  "namespace-missing": {
    title: "A namespace in the settings does not exist",
    severities: ["blocks"],
    cause: "The setting namespaces, or probe.namespace, names it.",
    consequence: "It cannot be annotated, and the update would stop half-way.",
    cure: "Create it, or take it out of the settings.",
    acknowledgeable: false,
  },
  "namespace-taken": {
    title: "kiam's namespace exists already and is not this program's",
    severities: ["blocks"],
    cause: "kiam.namespace names a namespace that something else created.",
    consequence: "`pulumi destroy` deletes kiam's namespace with everything in it.",
    cure: "Set kiam.namespace to a name that is free.",
    acknowledgeable: false,
  },
  "role-not-assumable": {
    title: "The kiam-server role may not assume a role that pods use",
    severities: ["blocks"],
    cause: "iam.assumableRoles does not cover it.",
    consequence: "AccessDenied for these pods from the cutover on.",
    cure: "Add it to iam.assumableRoles.",
    acknowledgeable: true,
  },
  "role-not-permitted": {
    title: "A namespace does not permit a role that its pods use",
    severities: ["blocks"],
    cause:
      "kiam matches the role's ARN against the namespace's iam.amazonaws.com/permitted, which is absent or does not match.",
    consequence: "kiam refuses these pods their role from the cutover on.",
    cure: "Set namespaces.<name>.permitted; `kiam-migrate permitted` proposes the tightest expression.",
    acknowledgeable: true,
    source: "kiam docs/IAM.md, pkg/server/policy.go",
  },
} as const satisfies Catalogue;
