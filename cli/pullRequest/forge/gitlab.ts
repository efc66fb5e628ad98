import { z } from "zod";

import { callForge } from "./call.js";
import { allPages } from "./pages.js";
import { NoPullRequestError, type JobEnvironment, type PullRequest } from "./pullRequest.js";

/** Most characters that GitLab takes for a comment. */
const longestNote = 1_000_000;

const noteSchema = z.object({
  id: z.number().int(),
  body: z.string().nullish(),
  system: z.boolean().optional(),
  author: z.object({ id: z.number().int() }),
});
const userSchema = z.object({ id: z.number().int() });
const writtenSchema = z.object({ id: z.number().int() });

/**
 * The merge request that a job of GitLab CI is for.
 *
 * @throws NoPullRequestError with all that is missing
 */
export function gitlabMergeRequest(env: JobEnvironment): PullRequest {
  const problems: string[] = [];
  const needed = (name: string, why: string): string => {
    const value = env[name];
    if (!value) problems.push(`${name} is not set: ${why}`);
    return value ?? "";
  };
  const token = needed(
    "GITLAB_TOKEN",
    "set it to a project access token with scope api and role Reporter; the job's own CI_JOB_TOKEN may not comment",
  );
  const rule = 'run this in a job with rules: if: $CI_PIPELINE_SOURCE == "merge_request_event"';
  const number = needed("CI_MERGE_REQUEST_IID", rule);
  const project = needed("CI_PROJECT_ID", "GitLab sets it in every job");
  const api = needed("CI_API_V4_URL", "GitLab sets it in every job");
  for (const [name, value] of [
    ["CI_MERGE_REQUEST_IID", number],
    ["CI_PROJECT_ID", project],
  ] as const) {
    if (value !== "" && !/^\d+$/.test(value)) problems.push(`${name} is no number: ${value}`);
  }
  if (problems.length > 0) throw new NoPullRequestError(problems);
  const title = `merge request ${number} of ${env.CI_PROJECT_PATH ?? `project ${project}`}`;
  const notes = `${api}/projects/${project}/merge_requests/${number}/notes`;
  const headers = { "private-token": token };
  const address = (id: number) =>
    env.CI_PROJECT_URL === undefined
      ? `${notes}/${id}`
      : `${env.CI_PROJECT_URL}/-/merge_requests/${number}#note_${id}`;

  return {
    title,
    // In a pipeline for merged results, CI_COMMIT_SHA is a commit that only GitLab has.
    commit: env.CI_MERGE_REQUEST_SOURCE_BRANCH_SHA || env.CI_COMMIT_SHA,
    run: env.CI_JOB_URL,
    longest: longestNote,
    async ownComments() {
      const user = await callForge(
        {
          what: "Asking GitLab whose token this is",
          url: `${api}/user`,
          method: "GET",
          headers,
          repeatable: true,
        },
        userSchema,
      );
      const all = await allPages((query) =>
        callForge(
          {
            what: `Reading the comments of ${title}`,
            url: `${notes}?sort=asc&order_by=created_at&${query}`,
            method: "GET",
            headers,
            repeatable: true,
          },
          z.array(noteSchema),
        ),
      );
      return all.flatMap(({ id, body, author, system }) =>
        author.id === user.id && system !== true ? [{ id, body: body ?? "" }] : [],
      );
    },
    async create(body) {
      const { id } = await callForge(
        {
          what: `Commenting on ${title}`,
          url: notes,
          method: "POST",
          headers,
          body: { body },
          repeatable: false,
        },
        writtenSchema,
      );
      return address(id);
    },
    async edit(id, body) {
      await callForge(
        {
          what: `Editing the comment on ${title}`,
          url: `${notes}/${id}`,
          method: "PUT",
          headers,
          body: { body },
          repeatable: true,
        },
        writtenSchema,
      );
      return address(id);
    },
  };
}
