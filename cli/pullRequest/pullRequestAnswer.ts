import type { StackReview } from "../../migration/preview/pullRequestComment.js";
import type { PostedComment } from "./postComment.js";

/** What `kiam-migrate pull-request --json` prints. */
export interface PullRequestAnswer extends StackReview {
  /** The comment as it reads on the pull request. */
  markdown: string;
  /** undefined without `--post`; with the reason where it could not be written. */
  comment: PostedComment | { failed: string } | undefined;
}

/** What became of the comment, in a line; for the log, since the comment itself is the answer. */
export function commentAsText(comment: PullRequestAnswer["comment"]): string | undefined {
  if (comment === undefined) return undefined;
  return "failed" in comment
    ? `The comment was not written. ${comment.failed}`
    : `The comment was ${comment.action}: ${comment.address}`;
}
