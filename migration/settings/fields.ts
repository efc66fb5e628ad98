import { isIP, isIPv4 } from "node:net";

import { z } from "zod";

/*
 * The grammar of each field that more than one place checks: the settings, the inputs of gates, the
 * arguments of scripts, and what is read from the cluster. One schema each, so that what the
 * settings accept fails nowhere later for its form (test/migration/settings/fields.test.ts).
 *
 * Elsewhere, beside the code that makes or reads them: rules (rules/natRule.ts), host keys and the
 * program that tells them (facts/hostKeyCommand.ts), digests (text/digest.ts).
 */

/** The name of a node, a namespace, a pod, … as the API server lets it be. */
export const objectNameSchema = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, {
  error: "must be a Kubernetes name: lower-case letters, digits, '-' and '.'",
});

/** A port of TCP. */
export const portSchema = z
  .int()
  .min(1, "must be a port from 1 to 65535")
  .max(65535, "must be a port from 1 to 65535");

/** A worker's address as a dotted quad: what kube2iam and kiam get as HOST_IP. */
export const hostIpSchema = z
  .string()
  .refine((value) => isIPv4(value), { error: "must be an IPv4 address such as 10.0.0.1" });

/** Where SSH can connect to. */
export const hostAddressSchema = z
  .string()
  .refine(
    (value) => isIP(value) > 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(value),
    "must be an IP address or a host name",
  );

/**
 * A host interface as kube2iam's and kiam's `--host-interface` take it: a name (`cni0`), a prefix
 * (`cali+`; `+` alone is every interface), or either negated (`!eth0`). Narrower than the kernel,
 * which allows any character but `/` and blanks: what is accepted here is safe in every shell.
 */
export const hostInterfaceSchema = z
  .string()
  .regex(/^(?!!\+$)!?(?!-)(?=.{1,15}$)[A-Za-z0-9_.-]*\+?$/, {
    error:
      "must be an interface as --host-interface takes it: a name (cni0), a prefix (cali+, or + for every interface) or a negation (!eth0)",
  });

/** A role as a pod's annotation names it: a name, a path/name or an ARN. */
export const annotatedRoleSchema = z
  .string()
  .regex(/^(arn:aws[a-z-]*:iam::\d{12}:role\/)?[\w+=,.@/-]+$/, {
    error: "must be a role name, path/name or ARN",
  });

/** The whole of a role's ARN. */
export const roleArnSchema = z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, {
  error: "must be the ARN of an IAM role",
});

/** Path of a role that this program creates; IAM lets more characters be in one, an ARN here does not. */
export const iamPathSchema = z.string().regex(/^\/([\w+=,.@/-]*\/)?$/, {
  error: "must be an IAM path of letters, digits and +=,.@_/-: it begins and ends with '/'",
});

/** What role names can be put behind to make ARNs: it ends with a slash. */
export const roleArnPrefixSchema = z
  .string()
  .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/([\w+=,.@/-]*\/)?$/, {
    error: "must be a role ARN prefix such as arn:aws:iam::123456789012:role/",
  });

/** kube2iam's --base-role-arn, which it checks less than we do ours; empty where it has none. */
export const baseRoleArnSchema = z
  .string()
  .regex(
    /^(arn:aws[a-z-]*:iam::\d{1,12}:role(\/[\w+=,.@/-]*)?)?$/,
    "must be a prefix of role ARNs",
  );

/** An image as a container names it. */
export const imageSchema = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*[a-zA-Z0-9]$/, "must be a container image reference");

/**
 * Labels that an object may have, as a selector of nodes: a name of 63 characters at most, behind a
 * DNS name and a slash or not, and a value of as many, which may be empty.
 */
export const labelsSchema = z.record(
  z
    .string()
    .regex(
      /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
      "must be a label's key, such as kops.k8s.io/instancegroup",
    ),
  z
    .string()
    .regex(
      /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
      "must be a label's value: at most 63 letters, digits, '-', '_' and '.'",
    ),
);
