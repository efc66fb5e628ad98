import type { Catalogue } from "../entry.js";
import { trustFindings } from "./trustCatalogue.js";

/** Roles, the namespaces that permit them and the policies that trust. */
export const roleFindings = {
  ...trustFindings,
  "annotation-managed-elsewhere": {
    title: "Something else manages a namespace's iam.amazonaws.com/permitted",
    severities: ["blocks"],
    cause: "The annotation has another value than the settings want, and another field manager.",
    consequence: "Two managers would overwrite each other's value.",
    cure: "Change it there, or set namespaces.<name>.force to true to take it over.",
    acknowledgeable: false,
  },
  "namespace-missing": {
    title: "A namespace in the settings does not exist",
    severities: ["blocks"],
    cause:
      "The setting namespaces, or probe.namespace, names it, and the cluster does not have it.",
    consequence: "What is to be in it cannot be created: the update would stop half-way.",
    cure: "Create it, or take it out of the settings.",
    acknowledgeable: false,
  },
  "namespace-taken": {
    title: "kiam's namespace exists already and is not this program's",
    severities: ["blocks"],
    cause: "kiam.namespace names a namespace that something else created.",
    consequence:
      "This program creates kiam's namespace, and `pulumi destroy` deletes it with everything in it.",
    cure: "Set kiam.namespace to a name that is free.",
    acknowledgeable: false,
  },
  "permitted-differs-by-version": {
    title: "An expression permits a role only as kiam is deployed here",
    severities: ["warns"],
    cause:
      "kiam 4 puts ^ and $ around iam.amazonaws.com/permitted and matches the ARN; kiam 2 and 3, and 4 with --disable-strict-namespace-regexp, are content with a match anywhere, the former in the role as the pod names it. A role in use is permitted by the one and not by the other.",
    consequence: "An update of kiam, or of its flags, takes the role away from these pods.",
    cure: "Write an expression that matches the whole ARN.",
    acknowledgeable: true,
    source: "kiam pkg/server/policy.go, docs/UPGRADING.md",
  },
  "permitted-invalid": {
    title: "A namespace's expression is not valid",
    severities: ["blocks"],
    cause:
      "Pods there use roles, and its annotation is no regular expression that Go (RE2) compiles, such as one with a look-ahead. The settings' own expressions are refused before that.",
    consequence: "kiam cannot compile it, and refuses the namespace's pods every role.",
    cure: "Set namespaces.<name>.permitted; `kiam-migrate permitted --stack <name>` proposes the tightest expression.",
    acknowledgeable: true,
    onlyForward: true,
    source: "kiam pkg/server/policy.go",
  },
  "permitted-too-wide": {
    title: "A namespace permits roles that its pods do not use",
    severities: ["warns"],
    cause:
      "The expression matches roles of the account, or of other namespaces' pods, that no pod in it uses, or every role (`.*`). Not counted are roles that it names one by one, and what kube2iam's allowed-roles allowed there already.",
    consequence:
      "Everyone who may create pods in the namespace gets them: nothing else protects the roles of others.",
    cure: "`kiam-migrate permitted --stack <name>` proposes the tightest expression; acknowledge what is meant, such as roles of what makes pods only now and then.",
    acknowledgeable: true,
    seenIn: ["cluster", "iam"],
  },
  "permitted-valid-by-accident": {
    title: "A namespace's expression is valid only inside ^ and $",
    severities: ["warns"],
    cause:
      "`*.*` is not valid Go, since there is nothing to repeat; it compiles once kiam 4 puts ^ in front.",
    consequence:
      "kiam 2 and 3, and 4 with --disable-strict-namespace-regexp, refuse the namespace every role; and it hardly means what it was written for.",
    cure: "Write `.*` for every role, or better the expression that `kiam-migrate permitted --stack <name>` proposes.",
    acknowledgeable: true,
    source: "kiam pkg/server/policy.go; articles on the migration recommend `*.*`",
  },
  "role-not-assumable": {
    title: "The kiam-server role may not assume a role that pods use",
    severities: ["blocks"],
    cause: "iam.assumableRoles does not cover it.",
    consequence:
      "The kiam-server role would lack sts:AssumeRole on it: AccessDenied for these pods from the cutover on.",
    cure: "Add it to iam.assumableRoles.",
    acknowledgeable: true,
    onlyForward: true,
  },
  "role-not-permitted": {
    title: "A namespace does not permit a role that its pods use",
    severities: ["blocks"],
    cause:
      "kiam matches the role's ARN (kiam 2 and 3: the role as the pod names it) against the namespace's iam.amazonaws.com/permitted, which is absent or does not match. Judged by the settings' expression where there is one, else by the annotation.",
    consequence:
      "kiam gives a pod a role only if its namespace permits it: it refuses these pods their role from the cutover on.",
    cure: "Set namespaces.<name>.permitted; `kiam-migrate permitted --stack <name>` proposes the tightest expression.",
    acknowledgeable: true,
    onlyForward: true,
    source: "kiam docs/IAM.md, pkg/server/policy.go",
  },
} as const satisfies Catalogue;
