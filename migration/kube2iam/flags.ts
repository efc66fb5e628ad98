import type { V1PodSpec } from "@kubernetes/client-node";

/** The command line of a pod's first container, its command and args: kube2iam's, or that of kiam's agent. */
export function kube2iamCommandLine(spec: Pick<V1PodSpec, "containers"> | undefined): string[] {
  const container = spec?.containers[0];
  return [...(container?.command ?? []), ...(container?.args ?? [])];
}

/**
 * The value of a flag in a command line, in any of the forms that kube2iam (pflag) takes:
 * `--flag=value`, `--flag value`, `--flag` (true).
 *
 * @returns undefined where the flag is absent; the last one counts where it is repeated
 */
export function flagValue(commandLine: readonly string[], flag: string): string | undefined {
  let value: string | undefined;
  commandLine.forEach((word, index) => {
    if (word === `--${flag}`) {
      const next = commandLine[index + 1];
      value = next === undefined || next.startsWith("-") ? "true" : next;
    } else if (word.startsWith(`--${flag}=`)) {
      value = word.slice(flag.length + 3);
    }
  });
  return value;
}

/** Whether a flag that is on or off is on. It takes its value only after "=": `--iptables false` turns it on. */
export function isOn(commandLine: readonly string[], flag: string): boolean {
  const last = commandLine.filter((word) => word === `--${flag}` || word.startsWith(`--${flag}=`));
  return /^--[a-z-]+(=(true|1|t|T|TRUE|True))?$/.test(last.at(-1) ?? "");
}

/** Whether kube2iam inserts its rule by itself when it starts (--iptables; off by default). */
export function insertsItsRule(commandLine: readonly string[]): boolean {
  return isOn(commandLine, "iptables");
}

/**
 * Minutes that the sessions last which kube2iam hands out (--iam-role-session-ttl, 15m by default).
 *
 * @returns Infinity where the flag's value is no duration
 */
export function sessionMinutes(commandLine: readonly string[]): number {
  const duration = flagValue(commandLine, "iam-role-session-ttl") ?? "15m";
  if (!/^(\d+(\.\d+)?(h|m|s))+$/.test(duration)) return Number.POSITIVE_INFINITY;
  const minutes = { h: 60, m: 1, s: 1 / 60 };
  return [...duration.matchAll(/([\d.]+)(h|m|s)/g)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * minutes[unit as keyof typeof minutes],
    0,
  );
}

/**
 * The role that kube2iam gives to pods without an annotation: by name (--default-role), or the
 * node's own (--auto-discover-default-role).
 *
 * @returns undefined where such pods get none
 */
export function defaultRole(
  commandLine: readonly string[],
): { name: string } | "node's own" | undefined {
  const name = flagValue(commandLine, "default-role");
  if (name !== undefined && name !== "") return { name };
  return isOn(commandLine, "auto-discover-default-role") ? "node's own" : undefined;
}

/** kube2iam's defaults for the flags that matter here [kube2iam cmd/main.go]. */
export const kube2iamDefaults = { port: 8181, interface: "docker0" } as const;
