import type { V1Node } from "@kubernetes/client-node";

/**
 * A Node on which neither a kubelet nor a cloud controller has ever reported: no machine has joined
 * by that name, and no pod can run there. It does not count as a node.
 */
export function isEmptyNode({ status }: V1Node): boolean {
  const { bootID, kubeletVersion } = status?.nodeInfo ?? {};
  return !bootID && !kubeletVersion && (status?.addresses ?? []).length === 0;
}
