import type { NodeFacts } from "../facts/clusterFacts.js";
import { compareText } from "../text/text.js";
import { matchesGlob } from "../kube2iam/goGlob.js";
import type { Settings } from "../settings/schema.js";

/**
 * The public host key that the settings have for a worker: the one by its name, else the one by the
 * longest pattern that fits, of equally long ones the first by text. Undefined where there is none.
 */
export function hostKeyOf(
  { ssh: { hostKeys } }: Pick<Settings, "ssh">,
  { name }: Pick<NodeFacts, "name">,
): string | undefined {
  if (Object.hasOwn(hostKeys, name)) return hostKeys[name];
  const [pattern] = Object.keys(hostKeys)
    .filter((key) => key.includes("*") && matchesGlob(key, name))
    .sort((a, b) => b.length - a.length || compareText(a, b));
  return pattern === undefined ? undefined : hostKeys[pattern];
}

/** Whether the operator's program is asked for a worker's key; see ssh.hostKeyCommand. */
export function asksHostKey(
  settings: Pick<Settings, "ssh">,
  node: Pick<NodeFacts, "name">,
): boolean {
  return settings.ssh.hostKeyCommand !== undefined && hostKeyOf(settings, node) === undefined;
}
