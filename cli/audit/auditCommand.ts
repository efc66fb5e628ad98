import { auditStack } from "../../automation/look/auditStack.js";
import { isBlocking } from "../../migration/audit/finding.js";
import type { Stage } from "../../migration/stages.js";
import { shownJson } from "../../migration/text/shown.js";
import { auditAsText } from "./auditAnswer.js";
import { exitCodes, stageOption, type CommonOptions, type Subcommand } from "../command.js";

interface AuditOptions extends CommonOptions {
  stage?: Stage;
  iam: boolean;
  log: boolean;
  ssh: boolean;
  tryAssumeRole: boolean;
}

/** `kiam-migrate audit`: what stands in the way, and a verdict for every pod. */
export const auditCommand: Subcommand<AuditOptions> = {
  name: "audit",
  summary: "judge the cluster: what stands in the way, and a verdict for every pod",
  declare: (command) =>
    command
      .description(
        "Looks at the cluster, at IAM, at kube2iam's log and, over SSH, at every worker; changes nothing. " +
          "Prints every finding with its code, what was seen, why it matters and how to fix it, then a " +
          "verdict for the pods of every namespace and role.",
      )
      .addOption(stageOption("judge"))
      .option("--no-iam", "do not look at IAM")
      .option("--no-log", "do not read kube2iam's log")
      .option("--no-ssh", "do not look at the workers")
      .option(
        "--try-assume-role",
        "really assume each role through the kiam-server role, where you may assume that one",
        false,
      )
      .addHelpText(
        "after",
        `
What to do with the answer:
  A finding that blocks also stops pulumi up. Mend its cause, or accept it in the
  stack's configuration, by code and object and with a reason:

    kube2iam-to-kiam:audit:
      acknowledged:
        - code: default-role-lost
          object: namespace/web
          reason: nothing there uses AWS

  Every code is explained in docs/findings.md. To know today what will stand in
  the way at the end, ask for the last stage: --stage retire`,
      ),
  async run(options, terminal) {
    const answer = await auditStack(options, options, terminal);
    terminal.answer(options.json ? shownJson(answer, 2) : auditAsText(answer));
    return answer.findings.some(isBlocking) ? exitCodes.findings : exitCodes.ok;
  },
};
