/** The Kubernetes API, for objects of any kind. */
import { request } from "node:https";
import { request as plainRequest, type RequestOptions } from "node:http";

import type { KubeConfig } from "@kubernetes/client-node";

import { isJsonMap, shown, type Json, type JsonMap } from "../plugin/values.js";

/** A Kubernetes object as plain data. */
export type KubernetesObject = JsonMap;

/** Where an object is found. */
export interface Identity {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
}

/** The API server's refusal. Its message is the server's own. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    readonly status: JsonMap,
  ) {
    super(typeof status.message === "string" ? status.message : `HTTP status ${code}`);
  }

  get reason(): string {
    return typeof this.status.reason === "string" ? this.status.reason : "";
  }

  /** True where not the object but the namespace it belongs to does not exist. */
  get namespaceMissing(): boolean {
    const { details } = this.status;
    return this.code === 404 && isJsonMap(details) && details.kind === "namespaces";
  }
}

/** The API server does not have this kind, or not in this version. */
export class NoSuchKind extends Error {
  constructor(apiVersion: string, kind: string) {
    super(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`);
  }
}

interface KindEntry {
  plural: string;
  namespaced: boolean;
}

interface WriteOptions {
  fieldManager: string;
  dryRun: boolean;
}

const REQUEST_TIMEOUT_MS = 60_000;

export class KubernetesClient {
  private readonly groups = new Map<string, Promise<Map<string, KindEntry>>>();

  constructor(private readonly config: KubeConfig) {}

  /** Whether objects of this kind live in a namespace. @throws NoSuchKind, ApiError */
  async isNamespaced(apiVersion: string, kind: string): Promise<boolean> {
    return (await this.kind(apiVersion, kind)).namespaced;
  }

  async get(identity: Identity): Promise<KubernetesObject> {
    return this.call("GET", await this.path(identity));
  }

  /** The object, or undefined where it does not exist. */
  async find(identity: Identity): Promise<KubernetesObject | undefined> {
    try {
      return await this.get(identity);
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) {
        return undefined;
      }
      throw error;
    }
  }

  async create(
    identity: Identity,
    object: KubernetesObject,
    options: WriteOptions,
  ): Promise<KubernetesObject> {
    const path = await this.collection(identity);
    return this.call("POST", `${path}?${query(options)}`, object);
  }

  /** Server-side apply. `force` takes fields over from other managers. */
  async apply(
    identity: Identity,
    object: KubernetesObject,
    { force, ...options }: WriteOptions & { force: boolean },
  ): Promise<KubernetesObject> {
    const path = await this.path(identity);
    const url = `${path}?${query(options)}&force=${force}`;
    return this.call("PATCH", url, object, "application/apply-patch+yaml");
  }

  async replace(
    identity: Identity,
    object: KubernetesObject,
    options: WriteOptions,
  ): Promise<KubernetesObject> {
    return this.call("PUT", `${await this.path(identity)}?${query(options)}`, object);
  }

  async jsonPatch(identity: Identity, patch: Json[]): Promise<KubernetesObject> {
    return this.call("PATCH", await this.path(identity), patch, "application/json-patch+json");
  }

  async delete(identity: Identity, propagationPolicy: string): Promise<void> {
    await this.call("DELETE", await this.path(identity), { propagationPolicy });
  }

  /** Objects of a kind in a namespace. */
  async list(
    apiVersion: string,
    kind: string,
    namespace: string,
    selector: { labelSelector?: string; fieldSelector?: string },
  ): Promise<KubernetesObject[]> {
    const path = await this.collection({ apiVersion, kind, namespace, name: "" });
    const answer = await this.call("GET", `${path}?${new URLSearchParams(selector).toString()}`);
    return Array.isArray(answer.items) ? answer.items.filter(isJsonMap) : [];
  }

  private async path(identity: Identity): Promise<string> {
    return `${await this.collection(identity)}/${encodeURIComponent(identity.name)}`;
  }

  private async collection({ apiVersion, kind, namespace }: Identity): Promise<string> {
    const { plural, namespaced } = await this.kind(apiVersion, kind);
    const scope = namespaced ? `/namespaces/${encodeURIComponent(namespace ?? "default")}` : "";
    return `${apiRoot(apiVersion)}${scope}/${plural}`;
  }

  private async kind(apiVersion: string, kind: string): Promise<KindEntry> {
    const known = (await this.discover(apiVersion)).get(kind);
    if (known) {
      return known;
    }
    // A custom resource definition may have come since.
    this.groups.delete(apiVersion);
    const found = (await this.discover(apiVersion)).get(kind);
    if (!found) {
      throw new NoSuchKind(apiVersion, kind);
    }
    return found;
  }

  private discover(apiVersion: string): Promise<Map<string, KindEntry>> {
    const running = this.groups.get(apiVersion) ?? this.fetchKinds(apiVersion);
    this.groups.set(apiVersion, running);
    running.catch(() => this.groups.delete(apiVersion));
    return running;
  }

  private async fetchKinds(apiVersion: string): Promise<Map<string, KindEntry>> {
    const kinds = new Map<string, KindEntry>();
    let answer: JsonMap;
    try {
      answer = await this.call("GET", apiRoot(apiVersion));
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) {
        return kinds;
      }
      throw error;
    }
    for (const resource of Array.isArray(answer.resources) ? answer.resources : []) {
      // A slash marks a subresource.
      if (isJsonMap(resource) && !shown(resource.name).includes("/")) {
        kinds.set(shown(resource.kind), {
          plural: shown(resource.name),
          namespaced: resource.namespaced === true,
        });
      }
    }
    return kinds;
  }

  private async call(
    method: string,
    path: string,
    body?: Json,
    contentType = "application/json",
  ): Promise<JsonMap> {
    const server = this.config.getCurrentCluster()?.server;
    if (server === undefined) {
      throw new Error("The kubeconfig names no cluster in its current context.");
    }
    const url = new URL(server.replace(/\/$/, "") + path);
    const options: RequestOptions = { method, timeout: REQUEST_TIMEOUT_MS };
    await this.config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = { accept: "application/json" };
    if (body !== undefined) {
      headers["content-type"] = contentType;
    }
    options.headers = { ...options.headers, ...headers };
    return send(url, options, body);
  }
}

function send(url: URL, options: RequestOptions, body: Json | undefined): Promise<JsonMap> {
  return new Promise((resolve, reject) => {
    const open = url.protocol === "http:" ? plainRequest : request;
    const call = open(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const answer = parse(Buffer.concat(chunks).toString("utf8"));
        const code = response.statusCode ?? 0;
        if (code >= 200 && code < 300) {
          resolve(answer);
        } else {
          reject(new ApiError(code, answer));
        }
      });
    });
    call.on("timeout", () => call.destroy(new Error(`${url.host} did not answer in time`)));
    call.on("error", (error) =>
      reject(new Error(`Kubernetes API server ${url.origin}: ${error.message}`, { cause: error })),
    );
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parse(text: string): JsonMap {
  try {
    const value = JSON.parse(text) as Json;
    return isJsonMap(value) ? value : {};
  } catch {
    return { message: text };
  }
}

function apiRoot(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function query({ fieldManager, dryRun }: WriteOptions): string {
  const parameters = new URLSearchParams({ fieldManager });
  if (dryRun) {
    parameters.set("dryRun", "All");
  }
  return parameters.toString();
}
