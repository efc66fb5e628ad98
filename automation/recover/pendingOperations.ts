import type { Deployment } from "@pulumi/pulumi/automation";
import { z } from "zod";

import { describeUrn, partsOfUrn } from "../stack/urn.js";

/** What an engine was doing to one resource when it was cut off. */
export interface PendingOperation {
  /** The engine's word: `creating`, `updating`, `deleting`, `reading`, `importing`. */
  operation: string;
  /** Such as `over SSH: worker-1-cutover-removal`. */
  what: string;
  urn: string;
  /** Workers that may be half-way because of it; empty where it changes none. */
  workers: string[];
  /** Whether it makes a Kubernetes object in a namespace: one that may exist, unknown to the state. */
  objectBeingMade: boolean;
}

const resourceSchema = z.object({
  urn: z.string(),
  // Of anything but a Kubernetes object this is something else, or secret.
  inputs: z
    .object({ metadata: z.object({ namespace: z.string() }) })
    .optional()
    .catch(undefined),
});

const stateSchema = z.object({
  resources: z.array(z.object({ urn: z.string() })).nullish(),
  pending_operations: z.array(z.object({ type: z.string(), resource: resourceSchema })).nullish(),
});

/** The operations that are pending in a stack's state, as `pulumi stack export` has it. */
export function pendingIn({ deployment }: Deployment): PendingOperation[] {
  // A stack that has never been updated has no state yet.
  const state = stateSchema.parse(deployment ?? {});
  const workers = (state.resources ?? []).flatMap(({ urn }) => workerOf(urn, /^(.+)-anchor$/));
  return (state.pending_operations ?? []).map(({ type, resource: { urn, inputs } }) => ({
    operation: type,
    what: describeUrn(urn),
    urn,
    objectBeingMade: type === "creating" && isObject(urn) && inputs !== undefined,
    workers: touchesEveryWorker(urn)
      ? workers
      : workerOf(urn, /^(.+)-(?:cutover(?:-[a-z-]+)?|return)$/),
  }));
}

/** What was under way, and what becomes of each; an entry of two lines for each. */
export function describeUnderWay(operations: readonly PendingOperation[]): string[] {
  return operations.map(
    (operation) => `  under way: ${describePending(operation)}\n    ${whatFollows(operation)}`,
  );
}

/** As one line. */
export function describePending({ operation, what, workers }: PendingOperation): string {
  return `${operation} ${what}${workers.length > 0 ? ` (${workers.join(", ")})` : ""}`;
}

/** What becomes of it once it is no longer pending, for people; see docs/architecture.md. */
export function whatFollows({ operation, urn, objectBeingMade }: PendingOperation): string {
  if (operation === "deleting") {
    return "it is still in the state: what takes it away begins anew; an update that has it takes it for untouched. recover says which way";
  }
  if (operation !== "creating") return "it begins anew, if it still differs from the state";
  const { type } = partsOfUrn(urn);
  if (type.startsWith("command:")) {
    return "it is not in the state: going forward runs it from the beginning; going back does not undo it, so go forward first";
  }
  if (objectBeingMade) return "it is not in the state: if the object exists, it is taken over";
  if (isObject(urn) || type.startsWith("aws:")) {
    return "it is not in the state: if it exists, the next update fails and says so; then delete it by hand, for nothing uses it yet";
  }
  return "it is not in the state: it begins anew";
}

/** Children are named by node name (components/clusterMigration.ts). */
function workerOf(urn: string, form: RegExp): string[] {
  const worker = form.exec(partsOfUrn(urn).name)?.[1];
  return worker === undefined ? [] : [worker];
}

/** Components whose resources act on all workers at once. */
function touchesEveryWorker(urn: string): boolean {
  return /:(KiamAgent|Fallback|Kube2iamRetirement)\$/.test(urn);
}

/** A patch of an object that exists is repeated without harm. */
function isObject(urn: string): boolean {
  return /^kubernetes:(?!.*Patch$)/.test(partsOfUrn(urn).type);
}
