import type { EngineEvent, OpMap, OpType, StepEventMetadata } from "@pulumi/pulumi/automation";

import { messageOf } from "../../migration/text/text.js";

/** One resource that an update has dealt with. */
export interface CompletedStep {
  operation: OpType;
  /** Such as `DaemonSet kiam-agent`. */
  what: string;
  urn: string;
  milliseconds: number;
}

export interface UpdateListener {
  started(urn: string, what: string): void;
  finished(urn: string): void;
  failed(urn: string): void;
}

const verbs: Partial<Record<OpType, string>> = {
  create: "create",
  update: "update",
  delete: "remove",
  replace: "replace",
  "create-replacement": "create anew",
  "delete-replaced": "remove the old",
  discard: "forget",
  "discard-replaced": "forget the old",
};

/** Makes sense of the engine's events: which resources are being worked on, done, failed, and why. */
export class UpdateWatcher {
  readonly steps: CompletedStep[] = [];
  /** The engine's and the gates' own words on what failed. */
  readonly errors: { what: string; message: string }[] = [];
  changes: OpMap = {};
  /** Whether the engine has been asked to stop, and knows. */
  stopping = false;
  private readonly began = new Map<string, number>();

  constructor(private readonly listener: UpdateListener) {}

  see(event: EngineEvent): void {
    if (event.resourcePreEvent !== undefined) this.pre(event.resourcePreEvent.metadata);
    if (event.resOutputsEvent !== undefined) this.done(event.resOutputsEvent.metadata);
    if (event.resOpFailedEvent !== undefined)
      this.listener.failed(event.resOpFailedEvent.metadata.urn);
    if (event.summaryEvent !== undefined) this.changes = event.summaryEvent.resourceChanges;
    // The engine says so in its own words only.
    if (event.stdoutEvent?.message.includes("received; cancelling")) this.stopping = true;
    const diagnostic = event.diagnosticEvent;
    if (diagnostic?.severity === "error") {
      const message = withoutColour(diagnostic.message).trim();
      if (message !== "" && message !== "update failed") {
        this.errors.push({
          what: diagnostic.urn ? describeUrn(diagnostic.urn) : "the update",
          message,
        });
      }
    }
  }

  private pre(metadata: StepEventMetadata): void {
    const verb = verbs[metadata.op];
    if (verb === undefined || isBookkeeping(metadata.type)) return;
    this.began.set(metadata.urn, Date.now());
    this.listener.started(metadata.urn, `${verb} ${describeUrn(metadata.urn)}`);
  }

  private done(metadata: StepEventMetadata): void {
    const began = this.began.get(metadata.urn);
    if (began === undefined) return;
    this.began.delete(metadata.urn);
    this.steps.push({
      operation: metadata.op,
      what: describeUrn(metadata.urn),
      urn: metadata.urn,
      milliseconds: Date.now() - began,
    });
    this.listener.finished(metadata.urn);
  }
}

/** Components, the stack and providers do nothing by themselves. */
function isBookkeeping(type: string): boolean {
  return type.startsWith("kube2iam-to-kiam:") || type.startsWith("pulumi:");
}

/** `…$kubernetes:apps/v1:DaemonSet::kiam-agent` → `DaemonSet kiam-agent`. */
export function describeUrn(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  const type = types.slice(types.lastIndexOf(":") + 1);
  const kinds: Record<string, string> = {
    Command: types.includes("command:remote") ? "over SSH:" : "gate",
  };
  return `${kinds[type] ?? type} ${name}`;
}

function withoutColour(message: string): string {
  return message.replace(/<\{%[^%]*%\}>/g, "");
}

/** An update that failed: what failed and why, and what had been done before it. */
export class UpdateFailedError extends Error {
  readonly steps: readonly CompletedStep[];

  constructor(watcher: UpdateWatcher, cause: unknown) {
    const reasons = watcher.errors.map(({ what, message }) => `${what}:\n${indent(message)}`);
    const reason = reasons.length > 0 ? reasons.join("\n") : messageOf(cause);
    const what = watcher.stopping
      ? "The update was stopped, as asked. Gates that were under way were ended; the next update runs them again."
      : "The update failed.";
    super(`${what} What had moved keeps working; nothing after it was started.\n${reason}`, {
      cause,
    });
    this.name = "UpdateFailedError";
    this.steps = watcher.steps;
  }
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
