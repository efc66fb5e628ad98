import { askHostKey } from "../../cluster/ssh/hostKeyCommand.js";
import type { CheckedInput, GateOutput } from "../protocol/inputs.js";

/** The worker's public host key, as the operator's program tells it. Touches no cluster. */
export async function askHostKeyOf({
  command,
  worker,
}: CheckedInput<"ask-host-key">): Promise<GateOutput<"ask-host-key">> {
  return { hostKey: await askHostKey(command, worker) };
}
