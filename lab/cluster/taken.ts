/* What stands where a lab is to be made, as one message of first contact. */
import { ContactError, typed, type Contact } from "../../migration/contact/contact.js";

/** A process that has a name of the lab in use. */
export interface Holder {
  pid: number;
  command: string;
  /** TCP ports on which it listens there. */
  ports: readonly number[];
}

/** A name on the machine that is a lab's, and exists. */
export interface TakenName {
  kind: "network namespace" | "control group";
  /** Its path. */
  name: string;
  holders: readonly Holder[];
}

/** Who has a name is told of so many processes. */
const MOST_HOLDERS = 5;

/** @param taken what exists under the names of the lab in that directory; not empty */
export function takenContact(directory: string, taken: readonly TakenName[]): Contact {
  const names = taken.map(({ kind, name }) => `${kind} ${name}`);
  const used = taken.some(({ holders }) => holders.length > 0);
  return {
    code: "lab-name-taken",
    what: `What the lab is to make exists, and is not this lab's: ${names.join(", ")}`,
    where: `the lab's directory is ${directory}, where no lab is, and none was killed`,
    said: taken.flatMap(({ name, holders }) => {
      const shown = holders.slice(0, MOST_HOLDERS).map((each) => `${name}: ${describe(each)}`);
      const rest = holders.length - shown.length;
      return rest > 0 ? [...shown, `${name}: ${rest} more`] : shown;
    }),
    why: "the lab would run in a network that something else uses, and remove it at the end with every process in it; nothing was started, stopped or removed",
    fix: [
      `another directory gives the lab other names: KIAM_LAB_DIR=${typed(`${directory}-2`)} npm start. `,
      used
        ? "Or end what has them, and then remove them: "
        : "Or, if nothing needs them, remove them: ",
      taken.map(removal).join(" && "),
    ].join(""),
  };
}

function describe({ pid, command, ports }: Holder): string {
  const listens = ports.length === 0 ? "" : `, listens on port ${ports.join(", ")}`;
  return `process ${pid} (${command})${listens}`;
}

function removal({ kind, name }: TakenName): string {
  if (kind === "control group") return `find ${typed(name)} -depth -type d -exec rmdir {} +`;
  return `ip netns delete ${typed(name.slice(name.lastIndexOf("/") + 1))}`;
}

/** @throws ContactError where anything has one of the lab's names */
export function refuseTaken(directory: string, taken: readonly TakenName[]): void {
  if (taken.length > 0) throw new ContactError(takenContact(directory, taken));
}
