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

/** kube2iam's defaults for the flags that matter here [kube2iam cmd/main.go]. */
export const kube2iamDefaults = { port: 8181, interface: "docker0" } as const;
