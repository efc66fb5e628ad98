/** What a provider plugin implements; `serve.ts` speaks the engine's protocol for it. */
import type { Change } from "./diff.js";
import type { PropertyMap } from "./values.js";

export type Severity = "debug" | "info" | "warning" | "error";

/** Messages to the engine about one resource. */
export interface Log {
  /** A line that stays in the update's output. */
  message(severity: Severity, text: string): Promise<void>;
  /** A line that shows what is going on; the next one overwrites it where there is a terminal. */
  status(severity: Severity, text: string): Promise<void>;
}

/** The resource an operation is about. */
export interface Operation {
  urn: string;
  /** The resource's name in the program (the URN's last part). */
  name: string;
  type: string;
  /** Aborted when the user cancels the update. */
  signal: AbortSignal;
  log: Log;
}

export interface Mutation extends Operation {
  /** Nothing may be changed: show what would be. */
  preview: boolean;
  /** Seconds by the resource option `customTimeouts`; 0 means the provider's own limit. */
  timeout: number;
}

export interface CheckFailure {
  property: string;
  reason: string;
}

/** How the user's stack wants names to be generated. */
export interface Autonaming {
  proposedName: string;
  mode: "propose" | "enforce" | "disable";
}

export interface CheckRequest extends Operation {
  /** Inputs as checked at the last update; empty on creation. */
  olds: PropertyMap;
  news: PropertyMap;
  /** The engine's seed for generated names; empty where it sends none. */
  seed: Uint8Array;
  autonaming: Autonaming | undefined;
}

export interface DiffRequest extends Operation {
  id: string;
  oldInputs: PropertyMap;
  oldOutputs: PropertyMap;
  news: PropertyMap;
  ignoreChanges: string[];
}

export interface DiffResult {
  changes: Change[];
  /** Whether a change cannot be made in place. */
  replaces(change: Change): boolean;
  /** Remove the old one before the new one is made, because both cannot exist at once. */
  deleteBeforeReplace: boolean;
}

export interface CreateRequest extends Mutation {
  inputs: PropertyMap;
}

export interface UpdateRequest extends Mutation {
  id: string;
  oldInputs: PropertyMap;
  oldOutputs: PropertyMap;
  inputs: PropertyMap;
  ignoreChanges: string[];
}

export interface DeleteRequest extends Operation {
  id: string;
  timeout: number;
  oldInputs: PropertyMap;
  outputs: PropertyMap;
}

export interface ReadRequest extends Operation {
  id: string;
  /** Empty when the resource is being imported or looked up. */
  inputs: PropertyMap;
  outputs: PropertyMap;
}

export interface ReadResult {
  id: string;
  inputs: PropertyMap;
  outputs: PropertyMap;
}

/** One resource type, or a family of them. */
export interface Resource {
  check(request: CheckRequest): Promise<{ inputs: PropertyMap; failures?: CheckFailure[] }>;
  diff(request: DiffRequest): Promise<DiffResult>;
  create(request: CreateRequest): Promise<{ id: string; outputs: PropertyMap }>;
  update(request: UpdateRequest): Promise<{ outputs: PropertyMap }>;
  delete(request: DeleteRequest): Promise<void>;
  /** The resource as it is now; undefined where it is gone. */
  read(request: ReadRequest): Promise<ReadResult | undefined>;
}

export interface InvokeRequest {
  token: string;
  args: PropertyMap;
  signal: AbortSignal;
  log: Log;
}

export interface Provider {
  name: string;
  /** The version of the official provider whose behaviour this one follows. */
  version: string;
  /** Called once, before anything else but `checkConfig`, with the provider's settings. */
  configure(config: PropertyMap): Promise<void>;
  /** Undefined for a type this provider does not have. */
  resource(type: string): Resource | undefined;
  /** Undefined for a function this provider does not have. */
  invoke(request: InvokeRequest): Promise<PropertyMap> | undefined;
}

/**
 * The resource exists but did not become what it should. The engine records it with these outputs,
 * fails the update, and comes back to it with `update` on the next one.
 */
export class PartialFailure extends Error {
  constructor(
    message: string,
    readonly id: string,
    readonly outputs: PropertyMap,
    readonly reasons: string[],
    readonly inputs?: PropertyMap,
  ) {
    super(message);
  }
}
