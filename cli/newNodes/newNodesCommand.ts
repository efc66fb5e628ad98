import { newNodeRecipes } from "../../migration/plan/newNodeRecipes.js";
import { marksOf } from "../../migration/plan/nodeMarks.js";
import { situationOf } from "../../migration/situation/situation.js";
import { shownJson } from "../../migration/text/shown.js";
import { bootGuardUserData } from "../../worker/bootGuard/bootGuard.js";
import { exitCodes, type CommonOptions, type Subcommand } from "../command.js";
import { look } from "../../automation/look/look.js";
import { newNodesAsText, type NewNodesAnswer } from "./newNodesAnswer.js";
import { writeFiles } from "./writeFiles.js";

interface NewNodesOptions extends CommonOptions {
  directory?: string;
}

/** `kiam-migrate new-nodes`: what goes into the node groups of workers. */
export const newNodesCommand: Subcommand<NewNodesOptions> = {
  name: "new-nodes",
  summary: "print, or write to files, what goes into the node groups of new workers",
  declare: (command) =>
    command
      .description(
        "Nodes that join during and after the migration are to be kiam's from their first pod on. Shows what " +
          "goes into kops instance groups, EKS node groups, launch templates and Karpenter for that: labels, " +
          "taints, metadata options, and the boot guard, a script for user data. Follows the settings newNodes " +
          "and the interface of kiam's agents. Changes nothing in the cluster.",
      )
      .option(
        "--directory <directory>",
        "write it there instead, a file for each kind of node group, with the script in it",
      )
      .addHelpText(
        "after",
        `
Only for groups of workers. Run it again after newNodes, kiam.hostInterface or
kiam.agentPort has changed: files of these names are replaced. When to put it in,
and when to take it out again: docs/new-nodes.md`,
      ),
  async run(options, terminal) {
    const { settings, facts } = await look(options, {}, terminal);
    const { kube2iam } = situationOf(settings, facts);
    const hostInterface = settings.kiam.hostInterface ?? kube2iam.interface;
    if (hostInterface === undefined) {
      throw new Error(
        "The interface of kiam's rule is not known: kube2iam's flags do not tell it, and kiam.hostInterface is not set. " +
          "The boot guard would write no rule, or a wrong one; nothing was written. " +
          "What to do: pulumi config set --path kiam.hostInterface NAME",
      );
    }
    const agent = { interface: hostInterface, agentPort: settings.kiam.agentPort };
    const bootGuard = bootGuardUserData(agent);
    const groups = Object.entries(newNodeRecipes(settings.newNodes, bootGuard));
    const answer: NewNodesAnswer = {
      stack: options.stack,
      ...agent,
      newNodes: settings.newNodes,
      marks: marksOf(settings.newNodes),
      nodeGroups: groups.map(([kind, recipe]) => ({ kind, ...recipe })),
      bootGuard: { file: "boot-guard.sh", text: bootGuard },
      written: undefined,
    };
    if (options.directory !== undefined) {
      const files = [...answer.nodeGroups, answer.bootGuard];
      answer.written = await writeFiles(options.directory, options.stack, files);
    }
    terminal.answer(options.json ? shownJson(answer, 2) : newNodesAsText(answer));
    return exitCodes.ok;
  },
};
