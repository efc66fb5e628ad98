import { typed } from "../../migration/contact/contact.js";

/** Commands to type next, as they have to be typed where this process was started. */
export function fromHere(commands: readonly string[], { cwd }: { cwd: string }): string[] {
  const where = cwd === process.cwd() ? "" : ` --cwd ${typed(cwd)}`;
  return commands.map((command) => `${command}${where}`);
}
