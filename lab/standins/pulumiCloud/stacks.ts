import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";

/** A state as the service takes and gives it. */
export interface UntypedDeployment {
  version: number;
  deployment?: unknown;
}

/** An update that was begun: of all kinds but `preview`, a stack has one at a time. */
export interface Update {
  id: string;
  /** The client's word for it, such as `update`, `destroy` or `import`. */
  kind: string;
  /** What the client sent to begin it: configuration, message, environment. */
  program: Record<string, unknown>;
  /** Undefined before it is started. */
  token?: string;
  started: number;
  /** When its lease runs out, in milliseconds. */
  expires: number;
}

/** An update that is over; its version is its place among them, counted from 1. */
interface Past {
  update: Update;
  result: "succeeded" | "failed";
  ended: number;
  state: UntypedDeployment;
}

const nothingYet: UntypedDeployment = {
  version: 3,
  deployment: { manifest: { time: "0001-01-01T00:00:00Z", magic: "", version: "" } },
};

/** What the service refuses, as it says it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** By these words the client tells it from other conflicts (automation/errors of Pulumi's SDK). */
export const conflict = "Conflict: Another update is currently in progress.";

/** One stack: its state, and its updates, of which at most one is in progress. */
export class CloudStack {
  tags: Record<string, string> = {};
  past: Past[] = [];
  /** The update that has the stack to itself. */
  private active: Update | undefined;
  private readonly key = randomBytes(32);
  private readonly created = new Map<string, Update>();

  constructor(
    readonly organization: string,
    public project: string,
    public name: string,
    public state: UntypedDeployment = nothingYet,
  ) {}

  /** The update in progress: until it is completed or cancelled, or its lease runs out. */
  get inProgress(): Update | undefined {
    if (this.active !== undefined && this.active.expires <= Date.now()) this.end("failed");
    return this.active;
  }

  /** Of the update in progress, else of the last one. */
  get lastUpdate(): string {
    return (this.inProgress ?? this.past.at(-1)?.update)?.id ?? "";
  }

  create(kind: string, program: Update["program"]): Update {
    const update = { id: randomUUID(), kind, program, started: 0, expires: 0 };
    this.created.set(update.id, update);
    return update;
  }

  start(id: string, leaseSeconds: number): Update {
    const update = this.created.get(id);
    if (update === undefined) throw new Refusal(404, "Not Found: Update not found");
    if (update.kind !== "preview") {
      this.refuseBusy();
      this.active = update;
    }
    update.started = Date.now();
    update.token = randomUUID();
    this.renew(update, leaseSeconds);
    return update;
  }

  renew(update: Update, seconds: number): void {
    update.expires = Date.now() + seconds * 1000;
  }

  /** The update of that lease. */
  leased(id: string, token: string): Update {
    const update = this.created.get(id);
    if (update?.token !== token || (update.kind !== "preview" && update !== this.inProgress)) {
      throw new Refusal(403, "Forbidden: the update's lease has ended");
    }
    return update;
  }

  complete(update: Update, result: Past["result"]): void {
    if (update === this.active) this.end(result);
  }

  cancel(id: string): void {
    if (this.inProgress?.id !== id) throw new Refusal(409, "Conflict: The update has ended.");
    this.end("failed");
  }

  /** An update of its own that puts a state in the place of the one that is there. */
  import(state: UntypedDeployment): Update {
    this.refuseBusy();
    const update = this.start(this.create("import", {}).id, 60);
    this.state = state;
    this.end("succeeded");
    return update;
  }

  refuseBusy(): void {
    if (this.inProgress !== undefined) throw new Refusal(409, conflict);
  }

  encrypt(plain: Buffer): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.key, nonce);
    const text = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]);
  }

  decrypt(sealed: Buffer): Buffer {
    const decipher = createDecipheriv("aes-256-gcm", this.key, sealed.subarray(0, 12));
    decipher.setAuthTag(sealed.subarray(12, 28));
    return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
  }

  private end(result: Past["result"]): void {
    if (this.active === undefined) return;
    const { active: update, state } = this;
    this.past.push({ update, result, ended: Date.now(), state });
    this.active = undefined;
  }
}
