/** The node script's functions one by one, where they need no worker to be tried on. */
import { execaSync } from "execa";
import { ruleScript } from "../../worker/rules/script.js";

/**
 * Runs `tail` after the script without its last lines, which would start it: its functions are there,
 * for the worker 10.0.0.1. Gives the lines that it prints.
 */
export function withFunctions(shell: readonly string[], tail: string): string[] {
  const functions = ruleScript().replace(/\n\{\n {2}main [^]*$/, "\n");
  const setup =
    "set -f; IFS=$NEWLINE; LC_ALL=C; export LC_ALL; host_ip=10.0.0.1 kube2iam_port=8181 kiam_port=8881\n";
  const [command = "sh", ...rest] = shell;
  return execaSync(command, rest, { input: `${functions}${setup}${tail}` }).stdout.split("\n");
}
