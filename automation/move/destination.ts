import type { Stage } from "../../migration/stages.js";

/** Which way a move goes, and where to. */
export interface Destination {
  to: Stage;
  back: boolean;
  /** Whether everything is taken away at the end. */
  all: boolean;
}

/** It lies the other way: migrate goes forward, rollback back. */
export class WrongWayError extends Error {
  constructor(
    readonly stackName: string,
    /** Of the stack's state. */
    readonly stage: Stage,
    readonly to: Stage,
  ) {
    const back = commandOf(stackName, { to, back: true, all: false });
    super(`Stack ${stackName} is at stage ${stage}: stage ${to} lies behind. To go back: ${back}`);
    this.name = "WrongWayError";
  }
}

/** For people, such as `Move stack staging to stage cutover`. */
export function describeMove(stack: string, { to, back, all }: Destination): string {
  if (all) return `Take stack ${stack} back to before the migration`;
  return back ? `Take stack ${stack} back to stage ${to}` : `Move stack ${stack} to stage ${to}`;
}

/** The command that goes there. */
export function commandOf(stack: string, { to, back, all }: Destination): string {
  const where = all ? "--all" : `--to ${to}`;
  return `kiam-migrate ${back ? "rollback" : "migrate"} --stack ${stack} ${where}`;
}
