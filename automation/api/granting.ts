import {
  notEquivalent,
  permittedLeft,
  permittedOfStack,
  type PermittedAnswer,
} from "../roles/permittedOfStack.js";
import { isTrustDone, trustLeft, trustOfStack, type TrustAnswer } from "../roles/trustOfStack.js";
import { NotApprovedError, NotWrittenError } from "./errors.js";
import { placeOf, refuseStopped, type Stoppable } from "./looking.js";
import type { Approve } from "./moving.js";
import { eventProgress, running, type Running } from "./running.js";
import type { MigrationStack } from "./stack.js";

export interface TrustOptions extends Stoppable {
  /** Takes the workers' role out instead, once kube2iam is retired. There is no way back after that. */
  removeWorkers?: boolean;
  /** Whether what is shown may be written; without it, nothing is. */
  approve?: Exclude<Approve<TrustAnswer>, string>;
}

/** What trust policies have to change, and what was written. */
export interface TrustReport extends TrustAnswer {
  /** Whether every role is known, and trusts as it has to. */
  done: boolean;
}

/**
 * The trust that application roles lack; writes it where that is approved. Rejects with
 * {@link NotWrittenError} where a role could not be written, with TrustRefusedError where it cannot be
 * told what to write.
 */
export function trust(stack: MigrationStack, options: TrustOptions = {}): Running<TrustReport> {
  const { removeWorkers = false } = options;
  return running(async (emit) => {
    const answer = await trustOfStack(
      { ...placeOf(stack), removeWorkers },
      {
        progress: eventProgress(emit, () => refuseStopped(stack, options.signal)),
        approve: (shown) => approved(stack, options, shown, trustLeft(shown).length > 0),
      },
    );
    const { written = [], failed = [] } = answer.applied ?? {};
    if (failed.length > 0) {
      const why = failed.map(({ arn, message }) => ({ what: arn, message }));
      throw notWritten(stack, "trust", written, why);
    }
    return { ...answer, done: isTrustDone(answer) };
  });
}

export interface PermittedOptions extends Stoppable {
  /** Whether what is shown may be written into the stack's file; without it, nothing is. */
  approve?: Exclude<Approve<PermittedAnswer>, string>;
}

/** What each namespace has to permit, and what was written. */
export interface PermittedReport extends PermittedAnswer {
  /** Whether every namespace permits exactly what it needs, by the cluster or by the settings now written. */
  done: boolean;
}

/**
 * What each namespace has to permit; writes it into the stack's file where that is approved. Rejects
 * with {@link NotWrittenError} where it was to be written, and a proposal is not equivalent.
 */
export function permitted(
  stack: MigrationStack,
  options: PermittedOptions = {},
): Running<PermittedReport> {
  return running(async (emit) => {
    const answer = await permittedOfStack(placeOf(stack), {
      progress: eventProgress(emit, () => refuseStopped(stack, options.signal)),
      approve: (shown) => approved(stack, options, shown, true),
    });
    const wrong = notEquivalent(answer);
    if (wrong.length > 0 && options.approve !== undefined) {
      const why = wrong.map(({ namespace, disagreements }) => ({
        what: namespace,
        message: `not equivalent on ${disagreements.map(({ role }) => role).join(", ")}`,
      }));
      throw notWritten(stack, "permitted", [], why);
    }
    return { ...answer, done: permittedLeft(answer).length === 0 };
  });
}

/** @param asks whether there is anything to say yes or no to */
async function approved<Shown>(
  stack: MigrationStack,
  { approve, signal }: Stoppable & { approve?: Exclude<Approve<Shown>, string> },
  shown: Shown,
  asks: boolean,
): Promise<boolean> {
  refuseStopped(stack, signal);
  if (approve === undefined) return false;
  if (approve === true || !asks || (await approve(shown))) return true;
  const message = "It was not approved. Nothing was touched.";
  throw new NotApprovedError({ stackName: stack.stackName, message }, undefined);
}

function notWritten(
  { stackName }: MigrationStack,
  command: "trust" | "permitted",
  written: readonly string[],
  failed: NotWrittenError["failed"],
): NotWrittenError {
  const message = [
    `Not all of it was written for stack ${stackName}:`,
    ...failed.map(({ what, message }) => `  ${what}: ${message}`),
  ].join("\n");
  const next = [`kiam-migrate ${command} --stack ${stackName}`];
  return new NotWrittenError({ stackName, message, next }, written, failed);
}
