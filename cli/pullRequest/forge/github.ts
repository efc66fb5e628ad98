import { readFileSync } from "node:fs";

import { z } from "zod";

import { longestComment } from "../../../migration/preview/describePreview.js";
import { messageOf } from "../../../migration/text/text.js";
import { callForge } from "./call.js";
import { allPages } from "./pages.js";
import { NoPullRequestError, type JobEnvironment, type PullRequest } from "./pullRequest.js";

/** What GitHub writes of a pull request into the file that GITHUB_EVENT_PATH names. */
const eventSchema = z.object({
  pull_request: z.object({
    number: z.number().int().positive(),
    head: z.object({ sha: z.string().regex(/^[0-9a-f]{40,64}$/) }),
  }),
});

const commentSchema = z.object({
  id: z.number().int(),
  body: z.string().nullish(),
  user: z.object({ login: z.string() }).nullish(),
});
const writtenSchema = z.object({ html_url: z.string() });
const viewerSchema = z.object({ data: z.object({ viewer: z.object({ login: z.string() }) }) });

/**
 * The pull request that a job of GitHub Actions is for.
 *
 * @throws NoPullRequestError with all that is missing
 */
export function githubPullRequest(env: JobEnvironment): PullRequest {
  const problems: string[] = [];
  const token = env.GITHUB_TOKEN;
  if (!token) {
    problems.push(
      "GITHUB_TOKEN is not set: give the step env: GITHUB_TOKEN: ${{ github.token }}, and the job permissions: pull-requests: write",
    );
  }
  const repository = env.GITHUB_REPOSITORY ?? "";
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    problems.push("GITHUB_REPOSITORY does not name a repository, such as acme/cluster");
  }
  const event = readEvent(env);
  if (typeof event === "string") problems.push(event);
  if (!token || typeof event === "string" || problems.length > 0) {
    throw new NoPullRequestError(problems);
  }
  const { number, head } = event;
  const api = `${env.GITHUB_API_URL ?? "https://api.github.com"}/repos/${repository}`;
  const title = `pull request ${number} of ${repository}`;
  const headers = { authorization: `Bearer ${token}`, accept: "application/vnd.github+json" };
  const readComments = `Reading the comments of ${title}`;

  /** Only GraphQL tells a job's token its own name: REST's GET /user refuses it. */
  async function ownLogin(): Promise<string> {
    const { data } = await callForge(
      {
        what: "Asking GitHub whose token this is",
        url: env.GITHUB_GRAPHQL_URL ?? "https://api.github.com/graphql",
        method: "POST",
        headers,
        body: { query: "query { viewer { login } }" },
        repeatable: true,
      },
      viewerSchema,
    );
    return data.viewer.login;
  }

  return {
    title,
    commit: head.sha,
    run:
      env.GITHUB_RUN_ID === undefined
        ? undefined
        : `${env.GITHUB_SERVER_URL ?? "https://github.com"}/${repository}/actions/runs/${env.GITHUB_RUN_ID}`,
    longest: longestComment,
    async ownComments() {
      const login = await ownLogin();
      const comments = await allPages((query) =>
        callForge(
          {
            what: readComments,
            url: `${api}/issues/${number}/comments?${query}`,
            method: "GET",
            headers,
            repeatable: true,
          },
          z.array(commentSchema),
        ),
      );
      return comments.flatMap(({ id, body, user }) =>
        user?.login === login ? [{ id, body: body ?? "" }] : [],
      );
    },
    async create(body) {
      const { html_url: address } = await callForge(
        {
          what: `Commenting on ${title}`,
          url: `${api}/issues/${number}/comments`,
          method: "POST",
          headers,
          body: { body },
          repeatable: false,
        },
        writtenSchema,
      );
      return address;
    },
    async edit(id, body) {
      const { html_url: address } = await callForge(
        {
          what: `Editing the comment on ${title}`,
          url: `${api}/issues/comments/${id}`,
          method: "PATCH",
          headers,
          body: { body },
          repeatable: true,
        },
        writtenSchema,
      );
      return address;
    },
  };
}

/** The event's pull request, or why there is none. */
function readEvent(env: JobEnvironment): z.infer<typeof eventSchema>["pull_request"] | string {
  const file = env.GITHUB_EVENT_PATH;
  if (!file) return "GITHUB_EVENT_PATH is not set: it names the file with the event of this run";
  try {
    const event = eventSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
    if (event.success) return event.data.pull_request;
    return `the event of this run (${env.GITHUB_EVENT_NAME ?? file}) is not about a pull request: run this on: pull_request`;
  } catch (error) {
    return `the event of this run cannot be read: ${messageOf(error)}`;
  }
}
