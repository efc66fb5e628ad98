import {
  notEquivalent,
  permittedLeft,
  permittedOfStack,
} from "../../automation/roles/permittedOfStack.js";
import { shownJson } from "../../migration/text/shown.js";
import { exitCodes, type CommonOptions, type Subcommand } from "../command.js";
import { permittedAsText } from "./permittedAnswer.js";

interface PermittedOptions extends CommonOptions {
  approve: boolean;
}

/** `kiam-migrate permitted`: the tightest expression for each namespace. */
export const permittedCommand: Subcommand<PermittedOptions> = {
  name: "permitted",
  summary: "propose the roles that each namespace permits, and with --approve set them",
  declare: (command) =>
    command
      .description(
        "kiam gives a pod a role only if its namespace's iam.amazonaws.com/permitted matches it. Proposes the " +
          "tightest expression for each namespace: where kube2iam restricts namespaces, exactly what its " +
          "allowed-roles allow; else exactly the roles that pods use now. Each is proven on every role of the " +
          "account: what was allowed is permitted, and nothing else. Prints it as the setting `namespaces`.",
      )
      .option("--approve", "write it into the stack's configuration; pulumi up applies it", false)
      .addHelpText(
        "after",
        `
It sees the roles of pods, CronJobs, Deployments and StatefulSets without replicas.
What else comes and goes it does not: add it by hand. Only namespaces whose value in
force differs are printed and written.`,
      ),
  async run({ stack, cwd, json, approve }, terminal) {
    const answer = await permittedOfStack(
      { stack, cwd },
      { progress: terminal.progress, approve: () => approve },
    );
    terminal.answer(json ? shownJson(answer, 2) : permittedAsText(answer));
    if (notEquivalent(answer).length > 0) return exitCodes.failed;
    return permittedLeft(answer).length === 0 ? exitCodes.ok : exitCodes.findings;
  },
};
