import { hasLogin, look } from "../../automation/look/look.js";
import { planOf } from "../../automation/look/planStack.js";
import { pulumiPreview } from "../../automation/pulumiPreview.js";
import { audit } from "../../migration/audit/audit.js";
import { isBlocking } from "../../migration/audit/finding.js";
import { longestComment } from "../../migration/preview/describePreview.js";
import {
  commentMarker,
  failureAsMarkdown,
  reviewAsMarkdown,
  type StackReview,
} from "../../migration/preview/pullRequestComment.js";
import { situationOf } from "../../migration/situation/situation.js";
import { shownJson } from "../../migration/text/shown.js";
import { messageOf } from "../../migration/text/text.js";
import { notLookedAt } from "../audit/auditAnswer.js";
import {
  exitCodes,
  type CommonOptions,
  type ExitCode,
  type Subcommand,
  type Terminal,
} from "../command.js";
import { NoPullRequestError, type PullRequest } from "./forge/pullRequest.js";
import { postComment, pullRequestOf } from "./postComment.js";
import { commentAsText, type PullRequestAnswer } from "./pullRequestAnswer.js";

interface PullRequestOptions extends CommonOptions {
  iam: boolean;
  log: boolean;
  ssh: boolean;
  post: boolean;
}

/** `kiam-migrate pull-request`: what a pull request does to a stack, as one comment on it. */
export const pullRequestCommand: Subcommand<PullRequestOptions> = {
  name: "pull-request",
  summary: "say what a pull request does to a stack, as one comment on it",
  declare: (command) =>
    command
      .description(
        "Makes the comment for a pull request: the audit's findings, the plan, and what pulumi preview " +
          "would change. With --post it is written on the pull request that the job of GitHub Actions or " +
          "GitLab CI is for, over the one that an earlier run left for the same stack. Changes nothing else. " +
          "Where all of it is longer than a comment may be, each part is cut, and the log has the whole.",
      )
      .option("--post", "write the comment on the pull request of this job", false)
      .option("--no-iam", "do not look at IAM")
      .option("--no-log", "do not read kube2iam's log")
      .option("--no-ssh", "do not look at the workers; take the last update's reports")
      .addHelpText(
        "after",
        `
What --post reads from the environment, beside what the job has of itself:
  GITHUB_TOKEN  on GitHub: \${{ github.token }}, with permissions: pull-requests: write
  GITLAB_TOKEN  on GitLab: a project access token with scope api and role Reporter

The workflows that run it, and what they need: docs/pull-requests.md`,
      ),
  async run(options, terminal) {
    let pullRequest: PullRequest | undefined;
    try {
      if (options.post) pullRequest = pullRequestOf(process.env);
    } catch (error) {
      if (!(error instanceof NoPullRequestError)) throw error;
      terminal.progress.note(error.message);
      return exitCodes.usage;
    }
    const origin = { commit: pullRequest?.commit, run: pullRequest?.run };
    const longest = pullRequest?.longest ?? longestComment;
    let review: StackReview;
    try {
      review = await readReview(options, terminal);
    } catch (error) {
      // What an earlier run said may no longer hold, so it must not stay.
      const message = messageOf(error);
      const markdown = failureAsMarkdown(options.stack, message, origin, longest);
      const comment = await post(pullRequest, options.stack, markdown, terminal);
      note(comment, terminal);
      throw error;
    }
    const markdown = reviewAsMarkdown(review, origin, longest);
    const whole = reviewAsMarkdown(review, origin, Infinity);
    if (whole !== markdown) {
      terminal.progress.note(`The comment has no room for all of it. The whole:\n${whole}`);
    }
    const comment = await post(pullRequest, options.stack, markdown, terminal);
    note(comment, terminal);
    const answer: PullRequestAnswer = { ...review, markdown, comment };
    terminal.answer(options.json ? shownJson(answer, 2) : markdown);
    return exitCodeOf(answer);
  },
};

async function readReview(options: PullRequestOptions, terminal: Terminal): Promise<StackReview> {
  const { settings, facts } = await look(options, options, terminal);
  const situation = situationOf(settings, facts);
  const findings = audit(situation);
  const { preview: plan } = await planOf(options, situation, terminal);
  const pulumi = await terminal.progress.run("pulumi preview", () =>
    pulumiPreview(options.stack, options.cwd),
  );
  return {
    stack: options.stack,
    stage: settings.stage,
    findings,
    notLookedAt: notLookedAt({
      iam: options.iam,
      log: options.log,
      ssh: options.ssh && hasLogin(settings),
    }),
    plan,
    pulumi,
  };
}

async function post(
  pullRequest: PullRequest | undefined,
  stack: string,
  markdown: string,
  { progress }: Terminal,
): Promise<PullRequestAnswer["comment"]> {
  if (pullRequest === undefined) return undefined;
  try {
    return await progress.run(`the comment on ${pullRequest.title}`, () =>
      postComment(pullRequest, commentMarker(stack), markdown),
    );
  } catch (error) {
    return { failed: messageOf(error) };
  }
}

function note(comment: PullRequestAnswer["comment"], { progress }: Terminal): void {
  const text = commentAsText(comment);
  if (text !== undefined) progress.note(text);
}

/** A finding that blocks comes first: it may be the reason why Pulumi's preview fails. */
function exitCodeOf({ findings, pulumi, comment }: PullRequestAnswer): ExitCode {
  if (comment !== undefined && "failed" in comment) return exitCodes.failed;
  if (findings.some(isBlocking)) return exitCodes.findings;
  return pulumi.succeeded ? exitCodes.ok : exitCodes.failed;
}
