import { isTrustDone, trustOfStack } from "../../automation/roles/trustOfStack.js";
import { shownJson } from "../../migration/text/shown.js";
import { exitCodes, type CommonOptions, type Subcommand } from "../command.js";
import { trustAsText } from "./trustAnswer.js";

interface TrustOptions extends CommonOptions {
  approve: boolean;
  removeWorkers: boolean;
}

/** `kiam-migrate trust`: the statement each application role's trust policy lacks. */
export const trustCommand: Subcommand<TrustOptions> = {
  name: "trust",
  summary: "show, and with --approve write, the trust that application roles lack",
  declare: (command) =>
    command
      .description(
        "Under kiam every role that pods use has to trust the kiam-server role. Shows the statement that each " +
          "one lacks, and writes it only with --approve. Statements that are there stay as they are; a rerun " +
          "changes nothing; a kiam-server role that was created anew is recognised and trusted anew. " +
          "Needs the kiam-server role: update the stack at stage prepare first.",
      )
      .option("--approve", "write what is shown", false)
      .option(
        "--remove-workers",
        "take the workers' role out instead, once kube2iam is retired: no way back after that",
        false,
      )
      .addHelpText(
        "after",
        `
It sees the roles of pods, CronJobs, Deployments and StatefulSets without replicas,
and the probe's. What else comes and goes it does not: run it again while that is there.

Writing needs iam:GetRole and iam:UpdateAssumeRolePolicy on the roles. Each policy is
read again right before. One that was changed meanwhile is left alone, and reported.`,
      ),
  async run({ stack, cwd, json, approve, removeWorkers }, terminal) {
    const answer = await trustOfStack(
      { stack, cwd, removeWorkers },
      { progress: terminal.progress, approve: () => approve },
    );
    terminal.answer(json ? shownJson(answer, 2) : trustAsText(answer));
    if ((answer.applied?.failed ?? []).length > 0) return exitCodes.failed;
    return isTrustDone(answer) ? exitCodes.ok : exitCodes.findings;
  },
};
