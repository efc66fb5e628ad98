import { z } from "zod";

import { findingCodes } from "../audit/catalogue.js";
import { hostKeyCommandSchema, hostKeySchema } from "../facts/hostKeyCommand.js";
import { permittedProblem } from "../kiam/permitted.js";
import { stages } from "../stages.js";
import {
  annotatedRoleSchema,
  hostAddressSchema,
  hostInterfaceSchema,
  iamPathSchema,
  imageSchema,
  labelsSchema,
  objectNameSchema,
  portSchema,
  roleArnPrefixSchema,
  roleArnSchema,
} from "./fields.js";

/*
 * The settings of one stack, as they stand in stacks/Pulumi.<stack>.yaml. Every value that
 * reaches a shell, a manifest or an IAM policy is validated here by type first.
 *
 * Over 300 lines, most of them docstrings: this is the one list of settings that there is, and
 * operators read it from top to bottom.
 */

function wholeNumber(least: number, most: number) {
  return z.int().min(least, `must be at least ${least}`).max(most, `must be at most ${most}`);
}

function oneOf<const Word extends string>(...words: [Word, ...Word[]]) {
  return z.enum(words, { error: `must be one of ${words.join(", ")}` });
}

/** A duration as kiam's flags take it. */
const duration = z
  .string()
  .regex(/^[1-9]\d*(s|m|h)$/, "must be a duration such as 900s, 30m or 1h");

const absolutePath = z.string().regex(/^\/[A-Za-z0-9/._-]*$/, "must be an absolute path");

const iamName = z
  .string()
  .regex(/^[\w+=,.@-]{1,64}$/, "must be an IAM role name: at most 64 letters, digits or +=,.@_-");

/** A login on a worker or the bastion. */
const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, "must be a user name");

const nodeNameOrPattern = z
  .string()
  .regex(
    /^[a-z0-9*]([-a-z0-9.*]{0,251}[a-z0-9*])?$/,
    "must be a node's name, or a pattern of one with '*' for any run of characters",
  );

const toleration = z.strictObject({
  key: z.string().optional(),
  operator: oneOf("Exists", "Equal").optional(),
  value: z.string().optional(),
  effect: oneOf("NoSchedule", "PreferNoSchedule", "NoExecute").optional(),
});

const resourceQuantities = z.strictObject({
  requests: z.record(z.string(), z.string()).optional(),
  limits: z.record(z.string(), z.string()).optional(),
});

/** Flags handed to kiam as they are, after the ones this program sets. */
const extraArgs = z.array(
  z.string().regex(/^--[a-z0-9-]+(=.*)?$/, "must be a flag such as --sync=30s"),
);

const kubernetes = z.strictObject({
  /** Context in the kubeconfig; the current one when unset. */
  context: z.string().min(1).optional(),
});

const kube2iam = z.strictObject({
  /** Namespace of kube2iam's DaemonSet. */
  namespace: objectNameSchema.default("kube-system"),
  /** Name of kube2iam's DaemonSet. */
  daemonSet: objectNameSchema.default("kube2iam"),
  /** kube2iam's --app-port; read from the live DaemonSet when unset. */
  port: portSchema.optional(),
  /** kube2iam's --host-interface; read from the live DaemonSet when unset. */
  interface: hostInterfaceSchema.optional(),
});

const tls = z.discriminatedUnion("mode", [
  z.strictObject({
    /** Certificates are made once by this program and kept as secrets in the stack's state. */
    mode: z.literal("issued"),
    /** Of the certificates when they are made; a later change does not renew them. */
    validityDays: wholeNumber(30, 3650).default(365),
  }),
  z.strictObject({
    /** Secrets of type kubernetes.io/tls with ca.crt that exist in kiam's namespace. */
    mode: z.literal("secrets"),
    serverSecret: objectNameSchema,
    agentSecret: objectNameSchema,
  }),
  z.strictObject({
    /** cert-manager issues from an Issuer or ClusterIssuer that exists. */
    mode: z.literal("cert-manager"),
    issuer: z.strictObject({
      name: objectNameSchema,
      kind: oneOf("Issuer", "ClusterIssuer").default("ClusterIssuer"),
    }),
  }),
]);

const kiam = z.strictObject({
  /** Image of server and agent. */
  image: imageSchema.default("quay.io/uswitch/kiam:v4.2"),
  /** Namespace to create for kiam; it goes again with `pulumi destroy`. */
  namespace: objectNameSchema.default("kiam"),
  /**
   * Port of the agent on each worker; not kube2iam's, since both run for a while. It cannot change
   * while there are agents (finding agent-port-changed).
   */
  agentPort: portSchema.default(8881),
  /** Port of the server. On the host network kops masters have 443 taken by the API server. */
  serverPort: portSchema.default(443),
  /** Interface of the agent's rule (--host-interface); that of kube2iam when unset. */
  hostInterface: hostInterfaceSchema.optional(),
  /** Labels of the nodes that run the server; unset: nodes with a master or control-plane role label. */
  serverNodeSelector: labelsSchema.optional(),
  /** Taints of those nodes that the server tolerates. */
  serverTolerations: z.array(toleration).default([
    { key: "node-role.kubernetes.io/master", operator: "Exists", effect: "NoSchedule" },
    { key: "node-role.kubernetes.io/control-plane", operator: "Exists", effect: "NoSchedule" },
  ]),
  /** Whether the server uses its node's network; needed where kube2iam also runs on the masters. */
  serverHostNetwork: z.boolean().default(false),
  /**
   * Directory on the masters that holds CA certificates: /etc/ssl/certs on Debian, Ubuntu and
   * Flatcar, /etc/pki/ca-trust/extracted/pem on Amazon Linux and RHEL.
   */
  caHostPath: absolutePath.default("/etc/ssl/certs"),
  /** Lifetime of the credentials pods get; STS caps chained roles at 1h. */
  sessionDuration: duration.default("1h"),
  /** AWS region for the regional STS endpoint. */
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "must be an AWS region such as eu-west-1"),
  /** Prefix of role ARNs, such as arn:aws:iam::123456789012:role/; kube2iam's --base-role-arn when unset. */
  roleBaseArn: roleArnPrefixSchema.optional(),
  logLevel: oneOf("debug", "info", "warn", "error").default("info"),
  resources: z
    .strictObject({ server: resourceQuantities.optional(), agent: resourceQuantities.optional() })
    .default({}),
  extraArgs: z
    .strictObject({ server: extraArgs.default([]), agent: extraArgs.default([]) })
    .prefault({}),
  tls: tls.prefault({ mode: "issued" }),
});

const namespacePermission = z.strictObject({
  /** Value of iam.amazonaws.com/permitted: a Go (RE2) regular expression, matched against the role's ARN. */
  permitted: z.string().superRefine((pattern, context) => {
    const problem = permittedProblem(pattern);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  }),
  /** Take the annotation over from the field manager that has it now. */
  force: z.boolean().default(false),
});

const applicationRole = z.strictObject({
  name: iamName,
  path: iamPathSchema.default("/"),
  /** Managed policies to attach. */
  policyArns: z
    .array(
      z
        .string()
        .regex(/^arn:aws[a-z-]*:iam::(aws|\d{12}):policy\/.+$/, "must be the ARN of an IAM policy"),
    )
    .default([]),
});

const iam = z.strictObject({
  /** Whether this program creates the kiam-server role and lets the masters assume it. */
  manage: z.boolean().default(true),
  /** Name of the kiam-server role. */
  serverRoleName: iamName.default("kiam-server"),
  serverRolePath: iamPathSchema.default("/"),
  /** ARN of a kiam-server role that exists; needed, and only used, where `manage` is off. */
  serverRoleArn: roleArnSchema.optional(),
  /** Name of the IAM role of the masters. Required where `manage` is on. */
  masterRoleName: iamName.optional(),
  /** Name of the IAM role of the workers, which kube2iam uses. Required with `applicationRoles`. */
  workerRoleName: iamName.optional(),
  /** What the kiam-server role may assume; every role below the role base ARN when unset. */
  assumableRoles: z
    .array(
      z
        .string()
        .regex(
          /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/*?-]+$/,
          "must be a role ARN; * and ? are allowed",
        ),
    )
    .min(1, "must name at least one role")
    .optional(),
  /** Application roles that this program creates. */
  applicationRoles: z.array(applicationRole).default([]),
  /** Whether those roles still trust the workers' role. Turn it off only once kube2iam is gone. */
  trustWorkerRole: z.boolean().default(true),
});

const bastion = z.strictObject({
  host: hostAddressSchema,
  port: portSchema.default(22),
  user: userName.optional(),
  privateKey: z.string().min(1).optional(),
  hostKey: hostKeySchema,
});

const ssh = z.strictObject({
  /** Login on the workers; kops on Ubuntu has `ubuntu`. */
  user: userName.default("ubuntu"),
  port: portSchema.default(22),
  /** Private key (a secret). Exactly one of this and `agentSocketPath`. */
  privateKey: z.string().min(1).optional(),
  /** Pass phrase of the key (a secret). */
  privateKeyPassword: z.string().optional(),
  /** Socket of an SSH agent. */
  agentSocketPath: absolutePath.optional(),
  /** Whether commands on workers go through `sudo -n`. */
  sudo: z.boolean().default(true),
  /** A jump host. */
  bastion: bastion.optional(),
  /**
   * Public host key of each worker by node name, or by a pattern such as `ip-10-1-*` for workers
   * that share one, as those of an image with a key of its own do. A name goes before a pattern, a
   * longer pattern before a shorter one; see hostKeyOf.ts.
   */
  hostKeys: z.record(nodeNameOrPattern, hostKeySchema).default({}),
  /**
   * A program and its words, run on the operator's machine and never through a shell, that prints
   * the public host key of a worker that `hostKeys` has none for. It has NODE_NAME, PROVIDER_ID
   * (empty where the node names no EC2 instance) and ADDRESS in its environment, and 30 seconds.
   * An update asks it once for each node, and keeps the answer in the stack's state.
   */
  hostKeyCommand: hostKeyCommandSchema.optional(),
  /** Accept workers whose host key is not listed. Their identity is then NOT checked. */
  acceptUnknownHosts: z.boolean().default(false),
  /** How often to try to connect to a worker. */
  dialErrorLimit: wholeNumber(1, 60).default(5),
  /** Seconds for one such try. */
  perDialTimeoutSeconds: wholeNumber(1, 300).default(15),
});

const workers = z.strictObject({
  /**
   * Labels of the workers; unset: every node that has no master or control-plane role label, but
   * those of AWS Fargate and Windows, where no agent can run.
   */
  selector: labelsSchema.optional(),
  /** Workers by name, with the address for SSH where it is not the node's internal IP. */
  list: z
    .array(z.strictObject({ name: objectNameSchema, address: hostAddressSchema.optional() }))
    .min(1, "must name at least one worker")
    .optional(),
  /**
   * Node groups whose workers are cut over, by the name that kops, EKS, eksctl or Karpenter gives
   * them; the others keep kube2iam. Every group when unset. Taking a group out puts its workers back.
   */
  groups: z.array(z.string().min(1)).min(1, "must name at least one node group").optional(),
  /** Names of the workers to move first, one by one: low-risk ones. The first by name when empty. */
  canaries: z.array(objectNameSchema).default([]),
  /**
   * Undo and redo the removal once on the first worker, so that the way back is proven before any
   * other worker depends on it.
   */
  canaryRehearsal: z.boolean().default(true),
  /** How many workers to move at a time after the canaries: a number, or a percentage of them. */
  waveSize: z
    .union([
      z.int().min(1, "must be at least 1"),
      z
        .string()
        .regex(/^([1-9]\d?|100)%$/, "must be a number of workers or a percentage such as 25%"),
    ])
    .default("25%"),
  /**
   * How kube2iam's rule is removed on a worker: by a command over SSH, or by exec into the pod of
   * kiam's agent there, for workers without sshd or whose host key no one can commit. Only over SSH
   * can connections to kube2iam be closed (retirement.closeIdleSeconds, retirement.then: proceed).
   */
  access: oneOf("ssh", "exec").default("ssh"),
  /** Which address of a node SSH connects to. */
  addressType: oneOf("InternalIP", "ExternalIP", "Hostname").default("InternalIP"),
});

const probe = z.strictObject({
  /** Role that probe pods ask for, as an annotation would name it. Required from stage agent on. */
  role: annotatedRoleSchema.optional(),
  /** Image with a shell and wget; kiam's own when unset, which every worker has anyway. */
  image: imageSchema.optional(),
  /** Namespace of the probe pods; kiam's when unset. */
  namespace: objectNameSchema.optional(),
  /** Seconds that a probe, and whatever else is waited for, may take before it counts as failed. */
  timeoutSeconds: wholeNumber(10, 3600).default(180),
});

const retirement = z.strictObject({
  /** Seconds to wait until no established connection to kube2iam is left. */
  waitSeconds: wholeNumber(0, 86_400).default(300),
  /**
   * What to do then: stop, or close what is left and proceed. Clients have to reconnect; one that
   * never pauses loses the request that it waits for. Over SSH, on the worker; see
   * docs/architecture.md, "Clients that hold on to kube2iam".
   */
  then: oneOf("stop", "proceed").default("stop"),
  /**
   * Seconds without data after which a connection to kube2iam is idle and is closed, over SSH, on
   * the worker; its client notices nothing but a new connection. Never closed when unset.
   */
  closeIdleSeconds: wholeNumber(1, 3600).optional(),
  /**
   * Whether kube2iam goes worker by worker, each proven before the next, or at once. Either way
   * only after no worker needs it.
   */
  pace: oneOf("worker", "at-once").default("worker"),
});

const newNodes = z.strictObject({
  /**
   * What keeps kube2iam off nodes that are born from stage cutover on. `taint`: they register with
   * kube2iam-to-kiam/kiam-only=true:NoSchedule, which kube2iam must not tolerate and everything
   * else that runs there has to. `label`: they register with kube2iam-to-kiam/kiam-only=true, and
   * kube2iam's DaemonSet gets a node affinity against it.
   */
  keepKube2iamOff: oneOf("none", "taint", "label").default("none"),
  /**
   * From stage agent on, take the taint kube2iam-to-kiam/agent-not-ready=true:NoSchedule off each
   * node once kiam's agent is ready there. Nodes have to register with it.
   */
  startupTaint: z.boolean().default(false),
  /**
   * What the workers' node groups have against pods that start before kiam's agent and read the
   * node's own role. This program cannot see it, and takes the operator's word: `bootGuard`, the
   * unit that writes kiam's rule at every boot, or `hopLimit`, a metadata hop limit of 1 with
   * tokens required.
   */
  guardedBy: oneOf("none", "bootGuard", "hopLimit").default("none"),
  /** Image with a POSIX shell and kubectl, for `startupTaint`. */
  kubectlImage: imageSchema.default("docker.io/alpine/k8s:1.34.2"),
});

const audit = z.strictObject({
  /**
   * Findings that the operator has looked at and accepts: they are still listed, and block no more.
   * Code and object as the audit prints them.
   */
  acknowledged: z
    .array(
      z
        .strictObject({
          code: z.enum(findingCodes, { error: "must be a finding's code; see docs/findings.md" }),
          object: z.string().min(1, "must name the finding's object, such as namespace/orders"),
          reason: z.string().trim().min(1, "must say why"),
        })
        // The one whose object is acted on: kube2iam's retirement goes ahead on that node.
        .refine(
          ({ code, object }) =>
            code !== "node-outside-workers" ||
            (object.startsWith("node/") && objectNameSchema.safeParse(object.slice(5)).success),
          { path: ["object"], error: "must name a node as the audit prints it: node/NAME" },
        ),
    )
    .default([]),
});

export const settingsSchema = z.strictObject({
  stage: oneOf(...stages),
  kubernetes: kubernetes.prefault({}),
  kube2iam: kube2iam.prefault({}),
  kiam,
  /** Namespaces and the roles their pods may use. */
  namespaces: z.record(objectNameSchema, namespacePermission).default({}),
  iam: iam.prefault({}),
  ssh: ssh.prefault({}),
  workers: workers.prefault({}),
  probe: probe.prefault({}),
  retirement: retirement.prefault({}),
  newNodes: newNodes.prefault({}),
  audit: audit.prefault({}),
});

export type Settings = z.output<typeof settingsSchema>;

/** Settings as they are written, with defaults still to be filled in. */
export type SettingsInput = z.input<typeof settingsSchema>;

export type Toleration = z.output<typeof toleration>;

/** Dotted paths of settings that are secrets. */
export const secretSettings = /(^|\.)privateKey(Password)?$/;

/** Seconds of a duration such as `30m`. */
export function durationSeconds(text: string): number {
  const unit = { s: 1, m: 60, h: 3600 }[text.slice(-1)] ?? Number.NaN;
  return Number(text.slice(0, -1)) * unit;
}
