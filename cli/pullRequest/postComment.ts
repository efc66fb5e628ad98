import { githubPullRequest } from "./forge/github.js";
import { gitlabMergeRequest } from "./forge/gitlab.js";
import { NoPullRequestError, type JobEnvironment, type PullRequest } from "./forge/pullRequest.js";

/** A comment as it was written. */
export interface PostedComment {
  action: "created" | "edited";
  address: string;
}

/**
 * The pull request that this job is for.
 *
 * @throws NoPullRequestError with all that is missing
 */
export function pullRequestOf(env: JobEnvironment): PullRequest {
  if (env.GITHUB_ACTIONS === "true") return githubPullRequest(env);
  if (env.GITLAB_CI === "true") return gitlabMergeRequest(env);
  throw new NoPullRequestError([
    "this is no job of GitHub Actions or GitLab CI: neither GITHUB_ACTIONS nor GITLAB_CI is true",
  ]);
}

/**
 * Writes the comment: over the one that an earlier run has left, or as a new one.
 *
 * @param marker first line of the comment
 */
export async function postComment(
  pullRequest: PullRequest,
  marker: string,
  body: string,
): Promise<PostedComment> {
  const comments = await pullRequest.ownComments();
  const former = comments.find((comment) => comment.body.split(/\r?\n/, 1)[0] === marker);
  return former === undefined
    ? { action: "created", address: await pullRequest.create(body) }
    : { action: "edited", address: await pullRequest.edit(former.id, body) };
}
