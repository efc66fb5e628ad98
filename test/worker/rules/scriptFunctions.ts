/** The node script's functions one by one, where they need no worker to be tried on. */
import { execaSync } from "execa";
import { ruleScript, type RuleVerb } from "../../../worker/rules/script.js";

/** The text of that verb without its last lines, which would start it. */
export function functionsOf(text: string): string {
  const functions = text.replace(/\n\{\n {2}main [^]*$/, "\n");
  if (functions === text) throw new Error("the script has no such last lines");
  return functions;
}

/**
 * Runs `tail` after the functions of that verb's script, for the worker 10.0.0.1. Gives the lines that
 * it prints.
 */
export function withFunctions(verb: RuleVerb, shell: readonly string[], tail: string): string[] {
  const functions = functionsOf(ruleScript(verb));
  const setup =
    "set -f; IFS=$NEWLINE; LC_ALL=C; export LC_ALL; host_ip=10.0.0.1 kube2iam_port=8181 kiam_port=8881\n";
  const [command = "sh", ...rest] = shell;
  return execaSync(command, rest, { input: `${functions}${setup}${tail}` }).stdout.split("\n");
}
