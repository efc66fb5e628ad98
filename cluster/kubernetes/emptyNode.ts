import type { V1Node } from "@kubernetes/client-node";

/**
 * A Node on which neither a kubelet nor a cloud controller has ever reported: no machine has joined
 * by that name, and no pod can run there. It does not count as a node.
 */
export function isEmptyNode({ metadata, spec, status }: V1Node): boolean {
  const { bootID, kubeletVersion } = status?.nodeInfo ?? {};
  const reported = Boolean(bootID || kubeletVersion) || (status?.addresses ?? []).length > 0;
  // Karpenter once made Nodes before their machines came up; those had both.
  const expected = Boolean(spec?.providerID) || (metadata?.finalizers ?? []).length > 0;
  return !reported && !expected;
}
