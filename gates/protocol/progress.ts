import { shown } from "../../migration/text/shown.js";

/** Tells the person watching what is going on; stdout is for the result alone. */
export function progress(message: string): void {
  process.stderr.write(`${shown(message)}\n`);
}
