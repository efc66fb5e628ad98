/** Waiting until an object is ready, or gone. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Log } from "../plugin/provider.js";
import type { PropertyMap } from "../plugin/values.js";
import { ApiError, type KubernetesClient } from "./client.js";
import { annotation, ANNOTATION, identityOf, isTrue, stringAt } from "./objects.js";
import { podProblems } from "./pods.js";
import { readinessCheck, type Readiness } from "./readiness.js";
import { serviceReadiness } from "./service.js";

const POLL_MS = 500;
const PROBLEMS_EVERY_MS = 5_000;
const DEFAULT_TIMEOUT_SECONDS = 600;

export interface WaitOptions {
  client: KubernetesClient;
  inputs: PropertyMap;
  /** Seconds by `customTimeouts`; 0 where there is none. */
  timeout: number;
  signal: AbortSignal;
  log: Log;
}

/** The object exists, but is not ready or not gone. */
export class NotReady extends Error {
  constructor(
    message: string,
    readonly object: PropertyMap,
    readonly reasons: string[],
  ) {
    super(message);
  }
}

/** Waits until the object is ready. Returns it as it is then. @throws NotReady */
export async function untilReady(object: PropertyMap, options: WaitOptions): Promise<PropertyMap> {
  const { client, inputs, log, signal } = options;
  const check = isTrue(inputs, ANNOTATION.skipAwait) ? undefined : checkFor(object, client);
  if (!check) {
    return object;
  }
  const identity = identityOf(object);
  const seconds = timeoutSeconds(options);
  const deadline = Date.now() + seconds * 1000;
  let live = object;
  let shown = "";
  let nextProblems = Date.now() + PROBLEMS_EVERY_MS;
  const stop = async (message: string, reasons: string[] = []) =>
    new NotReady(message, live, [...reasons, ...(await problems(client, live))]);

  for (;;) {
    const result = await check(live);
    if (result.message !== shown) {
      shown = result.message;
      await log.status("info", shown);
    }
    if (result.state === "ready") {
      await log.status("info", "");
      return live;
    }
    if (result.state === "failed") {
      const message = `Resource '${identity.name}' was created but failed to initialize`;
      throw await stop(message, [result.message]);
    }
    if (signal.aborted) {
      throw await stop(`Resource operation was cancelled for "${identity.name}"`, [shown]);
    }
    if (Date.now() >= deadline) {
      const message = `'${identity.name}' timed out waiting to be Ready after ${seconds} s`;
      throw await stop(message, [shown]);
    }
    if (Date.now() >= nextProblems) {
      nextProblems = Date.now() + PROBLEMS_EVERY_MS;
      for (const problem of await problems(client, live)) {
        await log.status("warning", problem);
      }
    }
    await sleep(POLL_MS);
    live = await refreshed(client, live);
  }
}

/** Waits until the object is gone, or replaced by another of its name. @throws NotReady */
export async function untilGone(object: PropertyMap, options: WaitOptions): Promise<void> {
  const { client, log, signal } = options;
  const identity = identityOf(object);
  const uid = stringAt(object, "metadata", "uid");
  const seconds = timeoutSeconds(options);
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const live = await findPatiently(client, object);
    if (!live || (uid !== undefined && stringAt(live, "metadata", "uid") !== uid)) {
      return;
    }
    const finalizers = JSON.stringify(live.metadata && identityFinalizers(live));
    if (signal.aborted) {
      throw new NotReady(`Resource operation was cancelled for "${identity.name}"`, live, []);
    }
    if (Date.now() >= deadline) {
      const message = `'${identity.name}' timed out waiting to be deleted after ${seconds} s`;
      throw new NotReady(message, live, [`finalizers: ${finalizers}`]);
    }
    await log.status("info", `Waiting for ${identity.kind} "${identity.name}" to be deleted`);
    await sleep(POLL_MS);
  }
}

function identityFinalizers(live: PropertyMap): unknown {
  return (live.metadata as PropertyMap).finalizers ?? [];
}

function checkFor(
  object: PropertyMap,
  client: KubernetesClient,
): ((live: PropertyMap) => Promise<Readiness>) | undefined {
  if (stringAt(object, "apiVersion") === "v1" && stringAt(object, "kind") === "Service") {
    return serviceReadiness(client);
  }
  const check = readinessCheck(object);
  return check && ((live) => Promise.resolve(check(live)));
}

function timeoutSeconds({ timeout, inputs }: WaitOptions): number {
  const annotated = Number.parseInt(annotation(inputs, ANNOTATION.timeoutSeconds) ?? "", 10);
  return timeout > 0 ? timeout : Number.isNaN(annotated) ? DEFAULT_TIMEOUT_SECONDS : annotated;
}

/** The object as it is now; as it was where the API server cannot be asked at the moment. */
async function refreshed(client: KubernetesClient, live: PropertyMap): Promise<PropertyMap> {
  try {
    return await client.get(identityOf(live));
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) {
      throw new NotReady("The object was deleted while it was waited for.", live, []);
    }
    return live;
  }
}

async function findPatiently(client: KubernetesClient, object: PropertyMap) {
  try {
    return await client.find(identityOf(object));
  } catch (error) {
    if (error instanceof ApiError) {
      throw error;
    }
    return object;
  }
}

async function problems(client: KubernetesClient, live: PropertyMap): Promise<string[]> {
  try {
    return await podProblems(client, live);
  } catch (error) {
    return [`The pods could not be looked at: ${(error as Error).message}`];
  }
}
