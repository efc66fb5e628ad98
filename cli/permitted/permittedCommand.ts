import { writePermitted } from "../../automation/stack/stackFile.js";
import { ContactError } from "../../migration/contact/contact.js";
import { proposePermitted, verifyProposal } from "../../migration/kiam/proposePermitted.js";
import { situationOf } from "../../migration/situation/situation.js";
import { shownJson } from "../../migration/text/shown.js";
import { exitCodes, type CommonOptions, type Subcommand } from "../command.js";
import { look } from "../../automation/look/look.js";
import { permittedAsText, type PermittedAnswer } from "./permittedAnswer.js";

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
  async run(options, terminal) {
    const { settings, facts } = await look(options, { iam: true }, terminal);
    const { account, noAccess } = facts.iam ?? {};
    // They are proposed all the same, and said not to be proven.
    if (noAccess !== undefined) terminal.progress.note(new ContactError(noAccess).message);
    const proposals = proposePermitted(situationOf(settings, facts)).map((proposal) => ({
      ...proposal,
      disagreements: verifyProposal(proposal, account ?? []),
    }));
    const differing = proposals.filter((each) => !each.unchanged);
    const sound = differing.every((each) => each.disagreements.length === 0);
    const written =
      options.approve && sound && differing.length > 0
        ? await writePermitted(
            options.cwd,
            options.stack,
            Object.fromEntries(differing.map((each) => [each.namespace, each.permitted])),
          )
        : undefined;
    const answer: PermittedAnswer = {
      stack: options.stack,
      provenOn: account?.length,
      proposals,
      written,
    };
    terminal.answer(options.json ? shownJson(answer, 2) : permittedAsText(answer));
    if (!sound) return exitCodes.failed;
    return differing.length === 0 || written !== undefined ? exitCodes.ok : exitCodes.findings;
  },
};
