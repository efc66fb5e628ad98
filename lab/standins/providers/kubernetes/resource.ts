/** The life of a Kubernetes object, or of a patch of one. */
import { changes, withoutIgnored, type Change } from "../plugin/diff.js";
import { randomHex } from "../plugin/names.js";
import {
  PartialFailure,
  type CheckRequest,
  type CreateRequest,
  type DeleteRequest,
  type DiffRequest,
  type DiffResult,
  type Operation,
  type ReadRequest,
  type ReadResult,
  type Resource,
  type UpdateRequest,
} from "../plugin/provider.js";
import { hasUnknown, markSecrets, revealMap, type PropertyMap } from "../plugin/values.js";
import { checkInputs } from "./check.js";
import { ApiError, NoSuchKind } from "./client.js";
import { immutablePaths, isPatch, kindOfToken, touches } from "./kinds.js";
import { fieldManagerName, relinquish } from "./managers.js";
import {
  ANNOTATION,
  annotation,
  identityOf,
  idOf,
  isTrue,
  parseId,
  stringAt,
  without,
} from "./objects.js";
import { readinessCheck } from "./readiness.js";
import type { Settings } from "./settings.js";
import { checkpoint, inputsFromLive, parseCheckpoint, prune } from "./state.js";
import { readSecretInputs } from "./secrets.js";
import { NotReady, untilGone, untilReady } from "./wait.js";
import { createObject, described, previewCannotTell, updateObject } from "./write.js";

const MANAGER_DIGITS = 8;
const REPLACE_UNREADY = `metadata.annotations["${ANNOTATION.replaceUnready}"]`;

export class KubernetesResource implements Resource {
  constructor(private readonly settings: () => Settings) {}

  async check(request: CheckRequest): Promise<{ inputs: PropertyMap }> {
    return { inputs: await checkInputs(request, this.settings()) };
  }

  async diff(request: DiffRequest): Promise<DiffResult> {
    const { client, mutable } = this.settings();
    const { live, inputs: recorded } = parseCheckpoint(request.oldOutputs);
    const olds = Object.keys(recorded).length > 0 ? recorded : revealMap(request.oldInputs);
    const news = revealMap(request.news);
    const found = withoutIgnored(changes(olds, news), request.ignoreChanges);

    const unready: Change[] = [];
    if (isTrue(news, ANNOTATION.replaceUnready) && stringAt(news, "kind") === "Job") {
      const now = await client.find(identityOf(live)).catch(() => undefined);
      if (now && readinessCheck(now)?.(now).state !== "ready") {
        unready.push({ path: REPLACE_UNREADY, steps: ["metadata"], kind: "update" });
      }
    }

    const frozen = immutablePaths(
      news,
      isPatch(request.type, stringAt(news, "kind") ?? ""),
      mutable,
    );
    const same = (field: string) =>
      stringAt(news, "metadata", field) === stringAt(live, "metadata", field);
    return {
      changes: [...found, ...unready],
      replaces: (change) => unready.includes(change) || touches(change.path, frozen),
      // Both cannot exist at once under one name, unless the name is the provider's choice.
      deleteBeforeReplace: same("name") && same("namespace") && !isTrue(news, ANNOTATION.autonamed),
    };
  }

  async create(request: CreateRequest): Promise<{ id: string; outputs: PropertyMap }> {
    const { inputs, preview, urn } = request;
    const settings = this.settings();
    const object = revealMap(inputs);
    const patch = isPatch(request.type, stringAt(object, "kind") ?? "");
    if (preview && (patch || hasUnknown(object))) {
      return { id: "", outputs: inputs };
    }
    const fieldManager = fieldManagerName(object, undefined, randomHex(MANAGER_DIGITS));
    const version = stringAt(object, "apiVersion") ?? "";
    const record = (live: PropertyMap) => checkpoint(inputs, live, fieldManager, version);

    let created: PropertyMap;
    try {
      created = await createObject({ ...request, settings, object, patch, fieldManager });
    } catch (error) {
      if (preview && previewCannotTell(error)) {
        return { id: "", outputs: inputs };
      }
      throw notCreated(error, urn);
    }
    if (preview) {
      return { id: "", outputs: record(without(created, ["status"])) };
    }
    const id = idOf(identityOf(created));
    try {
      const live = await untilReady(created, this.waitOptions(request, object));
      return { id, outputs: record(live) };
    } catch (error) {
      throw partial(
        error,
        id,
        `resource "${urn}" was successfully created, but the Kubernetes API server reported that ` +
          "it failed to fully initialize or become live",
        record(error instanceof NotReady ? error.object : created),
      );
    }
  }

  async update(request: UpdateRequest): Promise<{ outputs: PropertyMap }> {
    const { inputs, oldOutputs, preview, urn, ignoreChanges } = request;
    const settings = this.settings();
    const object = revealMap(inputs);
    if (preview && hasUnknown(object)) {
      return { outputs: inputs };
    }
    const olds = parseCheckpoint(oldOutputs);
    const patch = isPatch(request.type, stringAt(object, "kind") ?? "");
    const fieldManager = fieldManagerName(object, olds.fieldManager, randomHex(MANAGER_DIGITS));
    const version = olds.initialApiVersion ?? stringAt(object, "apiVersion") ?? "";
    const record = (live: PropertyMap) => checkpoint(inputs, live, fieldManager, version);
    const identity = identityOf(object);

    let live: PropertyMap;
    try {
      live = await settings.client.get(identity);
    } catch (error) {
      if (preview && previewCannotTell(error)) {
        return { outputs: inputs };
      }
      throw new Error(`update of resource "${urn}" failed: ${(error as Error).message}`, {
        cause: error,
      });
    }
    try {
      const write = { settings, object, patch, fieldManager, preview, live, ignoreChanges };
      const updated = await updateObject(write);
      if (preview) {
        return { outputs: record(updated) };
      }
      live = updated;
      live = await untilReady(updated, this.waitOptions(request, object));
    } catch (error) {
      if (preview && error instanceof ApiError && error.code === 403) {
        return { outputs: inputs };
      }
      const id = idOf(identity);
      throw partial(
        error,
        id,
        `the Kubernetes API server reported that "${id}" failed to fully initialize or become live`,
        record(error instanceof NotReady ? error.object : live),
      );
    }
    if (olds.fieldManager !== undefined && olds.fieldManager !== fieldManager) {
      await relinquish(settings.client, identity, olds.fieldManager);
    }
    return { outputs: record(live) };
  }

  async delete(request: DeleteRequest): Promise<void> {
    const { client } = this.settings();
    const { live, inputs, fieldManager } = parseCheckpoint(request.outputs);
    const kind = stringAt(live, "kind") ?? "";
    const identity = identityOf(live);
    try {
      if (isPatch(request.type, kind)) {
        await relinquish(client, identity, fieldManagerName(inputs, fieldManager, "unknown"));
        return;
      }
      await client.delete(identity, propagation(inputs));
      if (!(isTrue(inputs, ANNOTATION.skipAwait) && skipsDeleteWait(kind))) {
        await untilGone(live, this.waitOptions(request, inputs));
      }
    } catch (error) {
      if (error instanceof NoSuchKind || (error instanceof ApiError && error.code === 404)) {
        return;
      }
      if (error instanceof ApiError && error.code === 422 && isPatch(request.type, kind)) {
        throw new Error(
          "this Patch resource is currently managing a required field, so it can't be deleted " +
            "directly. Either set the `retainOnDelete` resource option, or transfer ownership of " +
            `the field before deleting: ${error.message}`,
          { cause: error },
        );
      }
      throw new Error(`${described(identity)}: ${reasons(error).join("; ")}`, { cause: error });
    }
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    const { client } = this.settings();
    const olds = parseCheckpoint(request.outputs);
    const known = Object.keys(request.inputs).length > 0;
    const { apiVersion, kind } = kindOfToken(request.type);
    const wanted = known ? revealMap(request.inputs) : {};
    const identity = {
      apiVersion: stringAt(wanted, "apiVersion") ?? stringAt(olds.live, "apiVersion") ?? apiVersion,
      kind: stringAt(wanted, "kind") ?? stringAt(olds.live, "kind") ?? kind,
      ...parseId(request.id),
    };
    let live: PropertyMap | undefined;
    try {
      live = await client.find(identity);
    } catch (error) {
      if (!(error instanceof NoSuchKind)) {
        throw error;
      }
    }
    if (!live) {
      return undefined;
    }
    const pruned = known
      ? readSecretInputs(prune(live, wanted), live, wanted)
      : inputsFromLive(live);
    const inputs = markSecrets(pruned, request.inputs);
    const fieldManager = fieldManagerName(inputs, olds.fieldManager, randomHex(MANAGER_DIGITS));
    const version = olds.initialApiVersion ?? identity.apiVersion;
    const outputs = checkpoint(inputs, live, fieldManager, version);
    const readiness = readinessCheck(live)?.(live);
    if (
      known &&
      readiness &&
      readiness.state !== "ready" &&
      !isTrue(wanted, ANNOTATION.skipAwait)
    ) {
      const message = `Resource '${identity.name}' was created but failed to initialize`;
      throw new PartialFailure(message, request.id, outputs, [message, readiness.message], inputs);
    }
    return { id: request.id, inputs, outputs };
  }

  private waitOptions(request: Operation & { timeout: number }, inputs: PropertyMap) {
    const { timeout, signal, log } = request;
    return { client: this.settings().client, inputs, timeout, signal, log };
  }
}

function notCreated(error: unknown, urn: string): Error {
  const { message } = error as Error;
  if (error instanceof NoSuchKind) {
    return new Error(
      `creation of resource "${urn}" failed because the Kubernetes API server reported that the ` +
        "apiVersion for this resource does not exist. Verify that any required CRDs have been " +
        `created: ${message}`,
      { cause: error },
    );
  }
  const hint =
    error instanceof ApiError && error.reason === "AlreadyExists"
      ? "\n\nThe resource already exists in the cluster. To manage single fields of it use a Patch " +
        "resource (e.g. NamespacePatch); to own it from now on use `pulumi import`; to apply over " +
        "existing objects set upsertExistingObjects on the provider."
      : "";
  return new Error(
    `resource "${urn}" was not successfully created by the Kubernetes API server: ${message}${hint}`,
    { cause: error },
  );
}

function reasons(error: unknown): string[] {
  const { message } = error as Error;
  return error instanceof NotReady ? [message, ...error.reasons] : [message];
}

function partial(error: unknown, id: string, what: string, outputs: PropertyMap): PartialFailure {
  const [first = "", ...more] = reasons(error);
  const message = `${what}: ${first}`;
  return new PartialFailure(message, id, outputs, [message, ...more]);
}

function propagation(inputs: PropertyMap): string {
  const policy = annotation(inputs, ANNOTATION.deletionPropagation)?.toLowerCase();
  return policy === "orphan" ? "Orphan" : policy === "background" ? "Background" : "Foreground";
}

/** Kinds for which skipAwait skips the wait for deletion as well. */
function skipsDeleteWait(kind: string): boolean {
  return [
    "Namespace",
    "Pod",
    "ReplicationController",
    "DaemonSet",
    "Deployment",
    "StatefulSet",
    "Job",
  ].includes(kind);
}
