/**
 * What each gate reads on stdin and writes on stdout.
 *
 * One table of all verbs, so that each is found at once; that is why the file is long. Only schemas
 * and types: components import this file, so it must stay free of the Kubernetes and
 * AWS clients. A verb ignores members that its schema does not know: what its undo alone reads, and
 * what only makes it run again (RerunOn in components/gate.ts).
 */
import { z } from "zod";

import { digestSchema } from "../../migration/text/digest.js";
import { hostKeyCommandSchema, providerIdSchema } from "../../migration/facts/hostKeyCommand.js";
import { capturedRuleSchema } from "../../migration/rules/natRule.js";
import {
  annotatedRoleSchema,
  hostAddressSchema,
  hostIpSchema,
  imageSchema,
  objectNameSchema as name,
  roleArnSchema,
} from "../../migration/settings/fields.js";
import {
  targetSchema as target,
  workerSchema as worker,
} from "../../migration/situation/target.js";

const probe = z.object({
  /** Image with a POSIX shell and wget (busybox or GNU); kiam's own has both. */
  image: imageSchema,
  namespace: name,
  /** Annotation of the probe pod. */
  role: annotatedRoleSchema,
  /**
   * What the list of credentials has to answer. Derived from `role` when unset: kube2iam and kiam
   * answer in different forms where that is a path or an ARN, and every form of this one role
   * counts as right.
   */
  roleName: annotatedRoleSchema.optional(),
  /** Consecutive answers, each on a fresh connection, that make a probe a success. */
  successes: z.number().int().min(1).max(100).default(3),
});
export type Probe = z.output<typeof probe>;

/** One worker's cutover. */
const cutover = z.object({
  target,
  worker,
  probe,
  /** kube2iam's rules as captured before their removal, for the undo. */
  rules: z.array(capturedRuleSchema),
});

/** Whether the worker was born without kube2iam: then there are no rules and no way back. */
const kiamOnly = z.boolean().default(false);

/** Recorded on the node; see migration/plan/cutoverGeneration.ts. */
const generation = digestSchema;

/** An object of the Kubernetes API as it could be applied. */
const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name, namespace: name.optional() }),
});
export type Manifest = z.output<typeof manifest>;

/** Wall-clock milliseconds and tries of a probe that succeeded. */
const probeResult = z.object({
  worker: z.string(),
  /** The role as the credentials list named it. */
  role: z.string(),
  /** Who answered, before and after; see worker/probe/probe.sh. */
  answeredBy: z.enum(["kube2iam", "kiam"]),
  /** Requests for credentials it took, failed ones included. */
  attempts: z.number(),
  /** From the pod's first request to its last. */
  milliseconds: z.number(),
});
export type ProbeResult = z.output<typeof probeResult>;

/** What a server's log proves about one role. */
const fetchedRole = z.object({ role: z.string(), servers: z.array(z.string()) });

const certificatePair = z.object({ certificate: z.string(), privateKey: z.string() });

const restore = z.object({ target, probe, manifest, companions: z.array(manifest) });

/** Schemas of every verb. A verb's description is printed by `gates/main.ts` without arguments. */
export const gateSchemas = {
  "issue-certificates": {
    description: "issue one CA and from it the certificates of kiam's server and agent",
    input: z.object({
      /** DNS names of the server. `kiam-server:443` is no DNS name, yet official advice. */
      serverNames: z.array(z.string().min(1)).min(1),
      ipAddresses: z.array(hostIpSchema).default([]),
      validityDays: z.number().int().min(1).max(3650),
    }),
    /** PEM throughout. The CA's key leaves the process nowhere. */
    output: z.object({
      ca: z.string(),
      server: certificatePair,
      agent: certificatePair,
      /** ISO time. */
      notAfter: z.string(),
    }),
  },
  "await-deletion": {
    description: "no DaemonSet of that name is on its way out",
    input: z.object({ target, daemonSet: z.object({ namespace: name, name }) }),
    output: z.object({}),
  },
  "clear-agent": {
    description:
      "kiam's agents are gone, and no rule of theirs is left on a node that can be reached",
    input: z.object({
      target,
      daemonSet: z.object({ namespace: name, name }),
      /** Unset in the state of an earlier version: then nothing is proven by who answers. */
      probe: probe.optional(),
      /** Which nodes had an agent; unset in the state of an earlier version. */
      selection: z
        .object({
          workers: z.object({
            selector: z.record(z.string(), z.string()).optional(),
            list: z.array(z.object({ name })).optional(),
          }),
          kiam: z.object({ serverNodeSelector: z.record(z.string(), z.string()).optional() }),
        })
        .optional(),
    }),
    output: z.object({ cleared: z.array(z.string()) }),
  },
  "verify-server": {
    description: "kiam's server runs on every master, is healthy and fetched the roles",
    input: z.object({
      target,
      /** Names of the nodes that have to run it. */
      servers: z.array(name),
      /** ARNs of the roles that running pods need; read from the pods when unset. */
      roles: z.array(roleArnSchema).optional(),
      /** Prefix of role ARNs, for roles that are not annotated as an ARN. */
      roleBaseArn: z.string().optional(),
      /** To explain a broken chain of roles through the IAM API. */
      iam: z.object({
        serverRoleArn: roleArnSchema,
        /** Unset: the link from the masters to the server role is not explained. */
        masterRoleName: z.string().min(1).optional(),
        region: z.string().min(1),
      }),
      /** Host path that is mounted as the server's CA certificates. */
      caHostPath: z.string().min(1),
    }),
    output: z.object({
      servers: z.array(z.string()),
      roles: z.array(fetchedRole),
      notes: z.array(z.string()),
    }),
  },
  "verify-agent": {
    description:
      "kiam's agent runs on every node that it is meant for, is healthy and has its rule there",
    input: z.object({ target }),
    output: z.object({
      workers: z.array(
        z.object({
          name: z.string(),
          inForce: z.enum(["kube2iam", "kiam", "none", "unknown"]),
        }),
      ),
      /** Nodes on which nothing can be done now: their agents cannot be looked at. */
      broken: z.array(z.string()),
    }),
  },
  "probe-shadow": {
    description: "a pod on that worker gets its role from the agent's port directly",
    input: z.object({ target, worker, probe }),
    output: probeResult,
  },
  "recheck-worker": {
    description: "right before the cutover: kiam's rule is there, and a pod gets its role from it",
    input: cutover.extend({ generation, kiamOnly }),
    output: probeResult,
  },
  "ask-host-key": {
    description: "the program of ssh.hostKeyCommand tells that worker's public host key",
    input: z.object({
      command: hostKeyCommandSchema,
      worker: z.object({
        name,
        /** Not told to the program: another node under that name is asked for anew. */
        uid: z.string(),
        providerId: providerIdSchema.optional(),
        /** Where SSH connects to. */
        address: hostAddressSchema,
      }),
    }),
    output: z.object({ hostKey: z.string() }),
  },
  "return-worker": {
    description: "kube2iam's rule comes first on that worker; put there where it does not",
    input: cutover,
    output: z.object({ returned: z.boolean() }),
  },
  "capture-rule": {
    description: "read kube2iam's rules on that worker, for the way back",
    input: z.object({ target, worker }),
    output: z.object({ rules: z.array(capturedRuleSchema) }),
  },
  "remove-rule": {
    description: "delete kube2iam's rule on that worker through kiam's agent, instead of over SSH",
    input: z.object({ target, worker, generation }),
    output: z.object({ removed: z.number() }),
  },
  "restore-rule": {
    description: "put kube2iam's captured rule back in front on that worker, instead of over SSH",
    input: cutover,
    output: z.object({}),
  },
  "account-for-nodes": {
    description: "every node that concerns the migration is where this stage has it",
    input: z.object({
      target,
      /** Names of the workers that this update moved, or found moved. */
      moved: z.array(name),
      /** Names of those that it left on kube2iam, as the settings say. */
      staying: z.array(name),
      /** Workers that could not be moved, and why. */
      waiting: z.array(z.object({ name, why: z.string() })),
    }),
    output: z.object({
      /** How many nodes concern the migration. */
      nodes: z.number(),
      /** Names of those that joined after the plan was made. */
      joined: z.array(z.string()),
      /** Names of workers of the plan that are not in the cluster any more. */
      left: z.array(z.string()),
    }),
  },
  "rehearse-undo": {
    description: "with kube2iam's rule back in front, a pod gets its role from kube2iam",
    input: cutover.extend({
      /** How the rule was put back, for the record. */
      access: z.enum(["ssh", "exec"]).default("ssh"),
    }),
    output: probeResult,
  },
  "probe-live": {
    description: "a pod on that worker gets its role through 169.254.169.254, from kiam; else undo",
    input: cutover.extend({ generation, kiamOnly }),
    output: probeResult,
  },
  "forget-worker": {
    description:
      "remove the record of the cutover from that node (only stacks of version 0.1.0 ask for it)",
    input: z.object({ target, worker }),
    output: z.object({ worker: z.string(), forgotten: z.boolean() }),
  },
  "neutralise-prestop": {
    description: "take kube2iam's preStop hook off, and disarm it in the pods that still have it",
    input: z.object({
      target,
      /** Noted in kiam's namespace; see migration/kube2iam/preStopToken.ts. */
      token: z.union([digestSchema, z.literal("none")]),
    }),
    output: z.object({
      /** Hooks that were taken off the DaemonSet, as text. */
      removed: z.array(z.string()),
      /** Nodes on which a running pod's hook was disarmed. */
      disarmed: z.array(z.string()),
      /** Nodes that could not be reached: it is theirs to do in the next update. */
      skipped: z.array(z.string()),
    }),
  },
  "keep-kube2iam-off": {
    description: "kube2iam comes to no node with the kiam-only taint or label from here on",
    input: z.object({ target, by: z.enum(["taint", "label"]) }),
    output: z.object({
      /** Whether its DaemonSet had to be changed. */
      changed: z.boolean(),
      /** Nodes that lost the label because kube2iam runs there. */
      unmarked: z.array(z.string()),
    }),
  },
  "let-kube2iam-on": {
    description: "kube2iam may run on every node again, and does",
    input: z.object({ target }),
    output: z.object({
      /** Whether its DaemonSet had to be changed. */
      changed: z.boolean(),
      /** Nodes that lost the taint. */
      untainted: z.array(z.string()),
    }),
  },
  "capture-kube2iam": {
    description: "print kube2iam's DaemonSet, and its rights, as they could be applied again",
    input: z.object({ target }),
    output: z.object({
      manifest,
      /** Its service account, and that account's roles and bindings; in the order to create them. */
      companions: z.array(manifest),
      /** What else it refers to, and would need. */
      notes: z.array(z.string()),
    }),
  },
  "retire-kube2iam": {
    description: "delete kube2iam, once no connection to it is left, and prove every worker",
    input: z.object({
      target,
      probe,
      /**
       * Nodes without an agent on which kube2iam's pod goes all the same, although pods there may
       * ask for roles: they are refused from then on.
       */
      outside: z.array(name).default([]),
      /** kube2iam's DaemonSet as it was captured: tells its pods when it is gone itself. */
      manifest,
      /** kube2iam's pods one after the other, each worker proven before the next; or all at once. */
      pace: z.enum(["worker", "at-once"]),
      connections: z.object({
        waitSeconds: z.number().min(0).max(86_400),
        /** What to do when some are left then. */
        then: z.enum(["stop", "proceed"]),
      }),
    }),
    output: z.object({
      deleted: z.boolean(),
      probes: z.array(probeResult),
      notes: z.array(z.string()),
    }),
  },
  "check-restore": {
    description: "what was captured is what restore-kube2iam would bring back",
    input: restore,
    output: z.object({}),
  },
  "restore-kube2iam": {
    description: "create what is missing of kube2iam as it was captured, its rule not in use",
    input: restore,
    output: z.object({
      /** Objects that were missing, such as `ServiceAccount kube-system/kube2iam`. */
      created: z.array(z.string()),
      /** Nodes that are proven to be served by kiam. */
      workers: z.array(z.string()),
      /** Nodes where kube2iam is back and kiam could not be proven. */
      unproven: z.array(z.string()),
      skipped: z.array(z.string()),
    }),
  },
  fallback: {
    description: "bring every node back to kube2iam, without SSH",
    input: z.object({ target, probe }),
    output: z.object({
      workers: z.array(z.object({ name: z.string(), moved: z.boolean() })),
      /** Nodes that could not be reached and that kube2iam serves as far as is known. */
      skipped: z.array(z.string()),
    }),
  },
  "check-fallback": {
    description: "everything is there that `fallback` will need",
    input: z.object({ target }),
    output: z.object({
      workers: z.array(z.string()),
      /** Nodes that cannot be reached now. */
      skipped: z.array(z.string()),
    }),
  },
} as const;

export type GateVerb = keyof typeof gateSchemas;

/** What a verb is given, defaults not yet filled in. */
export type GateInput<Verb extends GateVerb> = z.input<(typeof gateSchemas)[Verb]["input"]>;

/** The same as the gate sees it, checked and with defaults. */
export type CheckedInput<Verb extends GateVerb> = z.output<(typeof gateSchemas)[Verb]["input"]>;

/** What a verb answers. */
export type GateOutput<Verb extends GateVerb> = z.output<(typeof gateSchemas)[Verb]["output"]>;

/** What carries a verb out. It throws a GateError where the gate stays shut. */
export type Gate<Verb extends GateVerb> = (input: CheckedInput<Verb>) => Promise<GateOutput<Verb>>;
