import { askHostKey } from "../../cluster/ssh/hostKeyCommand.js";
import type { Gate } from "../protocol/inputs.js";

/** The worker's public host key, as the operator's program tells it. Touches no cluster. */
export const askHostKeyOf: Gate<"ask-host-key"> = async ({ command, worker }) => {
  return { hostKey: await askHostKey(command, worker) };
};
