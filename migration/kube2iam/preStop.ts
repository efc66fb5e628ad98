import type { V1PodSpec } from "@kubernetes/client-node";

/*
 * kube2iam's README and charts offer a preStop hook [kube2iam#290] that greps every nat rule for
 * 169.254.169.254 and deletes it. After the cutover the only such rule is kiam's: a kube2iam pod
 * that goes gracefully would then leave its worker's pods with the node's own role.
 */

/** A preStop hook that runs a command. */
export interface PreStopHook {
  /** Name of the container that it belongs to, and in which it runs. */
  container: string;
  command: string[];
  /** Whether that container's own files cannot be changed. */
  readOnlyRoot: boolean;
}

/**
 * The preStop hooks of a pod that are not known to be harmless. What a command does cannot be
 * told from its text, so only plain waiting counts as harmless. Hooks that are no command (httpGet,
 * tcpSocket, sleep) are: none of them reaches a nat table, and kube2iam has no such request.
 */
export function dangerousHooks(
  spec: Pick<V1PodSpec, "containers" | "initContainers"> | undefined,
): PreStopHook[] {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return containers.flatMap(({ name, lifecycle, securityContext }) => {
    const command = lifecycle?.preStop?.exec?.command;
    return command === undefined || onlyWaits(command)
      ? []
      : [
          {
            container: name,
            command,
            readOnlyRoot: securityContext?.readOnlyRootFilesystem ?? false,
          },
        ];
  });
}

function onlyWaits(command: readonly string[]): boolean {
  // Plain paths only: `sh -c` would run $(…) in one.
  return /^((\/[\w./-]*\/)?sh -c )?(\/[\w./-]*\/)?sleep [0-9.]+[smh]?$/.test(command.join(" "));
}

/**
 * Why a hook cannot be disarmed inside its running container, as worker/disarm/disarm.sh does; undefined
 * where nothing is known that speaks against it.
 */
export function whyNotDisarmed({ command, readOnlyRoot }: PreStopHook): string | undefined {
  const outside = /\b(nsenter|chroot)\b/.exec(command.join(" "))?.[1];
  if (outside !== undefined) return `it reaches out of its container (${outside})`;
  if (readOnlyRoot) return "its container has a read-only root file system";
  return undefined;
}

/** The way out where a hook cannot be disarmed. Without kiam's agents it only hits kube2iam's own rule. */
export const disarmByHand =
  "at stage server (go back there from a later one), remove the hook from kube2iam's DaemonSet with updateStrategy " +
  "OnDelete, so that no pod restarts by itself, and at a quiet time delete kube2iam's pods one by one: each leaves its " +
  "node's pods with the node's own role until the next one is up, as every restart of a kube2iam with this hook does";
