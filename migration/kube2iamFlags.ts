import type { V1PodSpec } from "@kubernetes/client-node";

/** kube2iam's command line in its pods: that of the first container, its command and args. */
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

/** Whether kube2iam inserts its rule by itself when it starts (--iptables; off by default). */
export function insertsItsRule(commandLine: readonly string[]): boolean {
  // A flag that is on or off takes its value only after "=": `--iptables false` turns it on.
  const last = commandLine.filter((word) => /^--iptables(=|$)/.test(word)).at(-1);
  return last !== undefined && /^--iptables(=(true|1|t|T|TRUE|True))?$/.test(last);
}

/** kube2iam's defaults for the flags that matter here [kube2iam cmd/main.go]. */
export const kube2iamDefaults = { port: 8181, interface: "docker0" } as const;
