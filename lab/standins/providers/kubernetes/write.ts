/** Writing an object to the API server: creation and update. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Log } from "../plugin/provider.js";
import type { PropertyMap } from "../plugin/values.js";
import { ApiError, NoSuchKind, type Identity } from "./client.js";
import { CREATE_MANAGER, explainConflict, heldByOthers, mayForce, takeOver } from "./managers.js";
import { asJson, at, identityOf, stringAt, without, withValue } from "./objects.js";
import type { Settings } from "./settings.js";

const RETRIES = 5;
const FIRST_DELAY_MS = 1_000;

interface Write {
  settings: Settings;
  /** The object to write: inputs without secret wrappers. */
  object: PropertyMap;
  patch: boolean;
  fieldManager: string;
  preview: boolean;
}

/**
 * Creates the object, or applies a patch. What is missing yet (the namespace, a custom resource
 * definition) is waited for: 5 more tries within about half a minute.
 */
export async function createObject(
  write: Write & { signal: AbortSignal; log: Log },
): Promise<PropertyMap> {
  const { preview, signal, log } = write;
  for (let tries = 0; ; tries++) {
    try {
      return await createOnce(write);
    } catch (error) {
      const missing =
        error instanceof NoSuchKind || (error instanceof ApiError && error.code === 404);
      if (!missing || preview || tries === RETRIES) {
        throw error;
      }
      await log.status("info", `Retry #${tries}; creation failed: ${error.message}`);
      await sleep(FIRST_DELAY_MS * 2 ** tries, undefined, { signal });
    }
  }
}

async function createOnce(write: Write): Promise<PropertyMap> {
  const { settings, object, patch, fieldManager, preview } = write;
  const identity = identityOf(object);
  const { client, enablePatchForce, upsertExistingObjects } = settings;
  if (!patch && !upsertExistingObjects) {
    const options = { fieldManager: CREATE_MANAGER, dryRun: preview };
    return client.create(identity, asJson(object), options);
  }
  const force = mayForce(object, undefined, { enablePatchForce, preview });
  try {
    return await client.apply(identity, asJson(object), { fieldManager, force, dryRun: preview });
  } catch (error) {
    throw explainConflict(error, fieldManager);
  }
}

/** Applies the object over the live one. */
export async function updateObject(
  write: Write & { live: PropertyMap; ignoreChanges: readonly string[] },
): Promise<PropertyMap> {
  const { settings, object, patch, fieldManager, preview, live, ignoreChanges } = write;
  const { client, enablePatchForce } = settings;
  const identity = identityOf(object);
  if (stringAt(object, "kind") === "CustomResourceDefinition" && !patch) {
    const version = stringAt(live, "metadata", "resourceVersion") ?? "";
    const next = withValue(object, ["metadata", "resourceVersion"], version);
    return client.replace(identity, asJson(next), { fieldManager, dryRun: preview });
  }
  const current = patch || preview ? live : await takeOver(client, identity, live, fieldManager);
  const applied = withIgnored(object, current, ignoreChanges, fieldManager);
  const force = mayForce(object, current, { enablePatchForce, preview });
  try {
    return await client.apply(identity, asJson(applied), { fieldManager, force, dryRun: preview });
  } catch (error) {
    throw explainConflict(error, fieldManager);
  }
}

/**
 * Ignored fields as they are on the cluster; those that others manage are left out, so that they
 * stay theirs. Only paths through maps are understood, as in the official provider.
 */
function withIgnored(
  object: PropertyMap,
  live: PropertyMap,
  ignoreChanges: readonly string[],
  fieldManager: string,
): PropertyMap {
  return ignoreChanges.reduce((rest, ignored) => {
    const path = steps(ignored);
    if (heldByOthers(live, path, fieldManager)) {
      return without(rest, path);
    }
    const value = at(live, ...path);
    return value === undefined ? rest : withValue(rest, path, value);
  }, object);
}

function steps(path: string): string[] {
  return [...path.matchAll(/\["([^"]+)"\]|([^.[\]]+)/g)].map(([, quoted, plain]) => {
    return quoted ?? plain ?? "";
  });
}

/** Whether the error of a dry run says nothing about the real run. */
export function previewCannotTell(error: unknown): boolean {
  return (
    !(error instanceof ApiError) ||
    error.code === 403 ||
    error.namespaceMissing ||
    error.reason === "AlreadyExists"
  );
}

/** The identity in words, for messages. */
export function described({ kind, namespace, name }: Identity): string {
  return `${kind} ${namespace ? `${namespace}/` : ""}${name}`;
}
