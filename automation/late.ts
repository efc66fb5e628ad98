/*
 * What loads Pulumi's SDK and its providers: a second and more, which --help and the commands that only
 * look at the cluster need not take. By require(): Node loads what import() names by itself, and does
 * not know these files, which are TypeScript.
 */
/* eslint-disable @typescript-eslint/no-require-imports */
import type * as MoveThrough from "./moveThrough.js";
import type * as OpenStack from "./openStack.js";
import type * as ReadStanding from "./readStanding.js";
import type * as RecoverStack from "./recover/recoverStack.js";

/** What opens a stack, so that it can be updated. */
export function loadOpenStack(): typeof OpenStack {
  return require("./openStack.js") as typeof OpenStack;
}

/** What moves a stack through stages. */
export function loadMoveThrough(): typeof MoveThrough {
  return require("./moveThrough.js") as typeof MoveThrough;
}

/** What reads how a stack stands. */
export function loadReadStanding(): typeof ReadStanding {
  return require("./readStanding.js") as typeof ReadStanding;
}

/** What clears what an update has left that was cut short. */
export function loadRecoverStack(): typeof RecoverStack {
  return require("./recover/recoverStack.js") as typeof RecoverStack;
}
