import { program } from "./program.js";
import { stackConfiguration } from "./stackConfiguration.js";

/** What `pulumi up` runs: the settings of the selected stack, applied to the cluster of the kubeconfig. */
export function programOfStack(): ReturnType<typeof program> {
  return program(stackConfiguration());
}
