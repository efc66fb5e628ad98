import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { PullRequest } from "../../../cli/pullRequest/forge/pullRequest.js";
import { postComment, pullRequestOf } from "../../../cli/pullRequest/postComment.js";
import { startForge, type Forge } from "../../../lab/standins/forge/forge.js";
import { githubNumber, githubRepository } from "../../../lab/standins/forge/github.js";
import { gitlabNumber, gitlabProject } from "../../../lab/standins/forge/gitlab.js";

/*
 * Which comment is written over, on a stand-in for the API of GitHub and of GitLab. That both answer
 * as the stand-in does was read in their documentation and in clients of theirs.
 */

const marker = "<!-- kiam-migrate pull-request: staging -->";
const body = (text: string) => `${marker}\n${text}`;
const botOf = { github: "github-actions[bot]", gitlab: "project_34_bot" };

let forge: Forge;
let directory: string;

const commit = "0123456789abcdef0123456789abcdef01234567";
const pullRequestEvent = { pull_request: { number: githubNumber, head: { sha: commit } } };

function githubEnvironment(event: object = pullRequestEvent): Record<string, string> {
  const file = join(directory, "event.json");
  writeFileSync(file, JSON.stringify(event));
  return {
    GITHUB_ACTIONS: "true",
    GITHUB_TOKEN: "github",
    GITHUB_REPOSITORY: githubRepository,
    GITHUB_API_URL: forge.address,
    GITHUB_GRAPHQL_URL: `${forge.address}/graphql`,
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_RUN_ID: "99",
    GITHUB_EVENT_NAME: "pull_request",
    GITHUB_EVENT_PATH: file,
  };
}
const gitlabEnvironment = (): Record<string, string> => ({
  GITLAB_CI: "true",
  GITLAB_TOKEN: "gitlab",
  CI_API_V4_URL: `${forge.address}/api/v4`,
  CI_PROJECT_ID: String(gitlabProject),
  CI_PROJECT_PATH: "acme/cluster",
  CI_PROJECT_URL: "https://gitlab.com/acme/cluster",
  CI_MERGE_REQUEST_IID: String(gitlabNumber),
  CI_COMMIT_SHA: commit,
  CI_JOB_URL: "https://gitlab.com/acme/cluster/-/jobs/99",
});

const forges: {
  name: "github" | "gitlab";
  open: () => PullRequest;
  address: RegExp;
}[] = [
  {
    name: "github",
    open: () => pullRequestOf(githubEnvironment()),
    address: /^https:\/\/github\.com\/acme\/cluster\/pull\/12#issuecomment-\d+$/,
  },
  {
    name: "gitlab",
    open: () => pullRequestOf(gitlabEnvironment()),
    address: /^https:\/\/gitlab\.com\/acme\/cluster\/-\/merge_requests\/5#note_\d+$/,
  },
];

describe("comments on pull requests", () => {
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "kiam-pull-request-"));
    forge = await startForge({ github: botOf.github, gitlab: botOf.gitlab, other: "someone" });
  });
  after(async () => {
    await forge.stop();
    rmSync(directory, { recursive: true });
  });
  beforeEach(() => {
    forge.comments.length = 0;
    forge.requests.length = 0;
  });

  for (const { name, open, address } of forges) {
    describe(`the comment on ${name}`, () => {
      it("is created once, and edited from then on", async () => {
        const first = await postComment(open(), marker, body("one"));
        assert.equal(first.action, "created");
        assert.match(first.address, address);
        const second = await postComment(open(), marker, body("two"));
        assert.deepEqual(second, { action: "edited", address: first.address });
        assert.deepEqual(
          forge.comments.map(({ author, body: text, edits }) => [author, text, edits]),
          [[botOf[name], body("two"), 1]],
        );
      });

      it("is found behind hundreds of others, and those of other stacks stay", async () => {
        for (let index = 0; index < 230; index++) forge.say("someone", `comment ${index}`);
        forge.say(botOf[name], `<!-- kiam-migrate pull-request: staging-2 -->\nanother stack`);
        const own = forge.say(botOf[name], body("before").replaceAll("\n", "\r\n"));
        const posted = await postComment(open(), marker, body("after"));
        assert.equal(posted.action, "edited");
        assert.equal(own.body, body("after"));
        assert.equal(forge.comments.filter(({ edits }) => edits > 0).length, 1);
      });

      it("is never another person's, whatever that begins with", async () => {
        const forged = forge.say("someone", body("Nothing stands in the way."));
        const quoted = forge.say(botOf[name], `> ${body("quoted")}`);
        assert.equal((await postComment(open(), marker, body("ours"))).action, "created");
        assert.equal(forged.edits + quoted.edits, 0);
      });

      it("gets over a gateway that is away for a moment", async () => {
        forge.say(botOf[name], body("before"));
        forge.failNext(502, 503);
        assert.equal((await postComment(open(), marker, body("after"))).action, "edited");
      });

      it("is not created twice where the first answer was lost", async () => {
        const pullRequest = open();
        forge.failNext(0);
        await assert.rejects(pullRequest.create(body("once")), /was not answered/);
        assert.equal(forge.comments.length, 1);
        // The next run finds it.
        assert.equal((await postComment(open(), marker, body("again"))).action, "edited");
        assert.equal(forge.comments.length, 1);
      });

      it("says which request was refused, with what words, and what to do", async () => {
        forge.failNext(403);
        await assert.rejects(
          postComment(open(), marker, body("x")),
          /whose token this is failed: .* answered 403: .*\n {2}What to do: the token may not do this/,
        );
        await assert.rejects(
          open().create("x".repeat(1_000_001)),
          /^ForgeError: Commenting on (pull|merge) request \d+ of acme\/cluster failed: POST \S+ answered 4\d\d: .*too long/,
        );
        await assert.rejects(
          open().edit(1, body("x")),
          /answered 404: .*Not [Ff]ound\n {2}What to do/,
        );
        assert.deepEqual(forge.comments, []);
      });
    });
  }

  describe("the pull request of a job", () => {
    it("tells its commit, its run and how long a comment may be", () => {
      const [github, gitlab] = forges.map(({ open }) => open());
      assert.equal(github?.title, "pull request 12 of acme/cluster");
      assert.equal(github?.run, "https://github.com/acme/cluster/actions/runs/99");
      assert.equal(github?.longest, 65_536);
      assert.equal(gitlab?.title, "merge request 5 of acme/cluster");
      assert.equal(gitlab?.run, "https://gitlab.com/acme/cluster/-/jobs/99");
      assert.equal(gitlab?.longest, 1_000_000);
      assert.deepEqual([github?.commit, gitlab?.commit], [commit, commit]);
    });

    it("is named with all that is missing, at once", () => {
      const all = (env: Record<string, string>) => {
        try {
          pullRequestOf(env);
        } catch (error) {
          return String(error);
        }
        return "";
      };
      const github = all({ GITHUB_ACTIONS: "true" });
      for (const each of [/GITHUB_TOKEN is not set/, /GITHUB_REPOSITORY/, /GITHUB_EVENT_PATH/]) {
        assert.match(github, each);
      }
      const gitlab = all({ GITLAB_CI: "true", CI_PROJECT_ID: "acme/cluster" });
      for (const each of [/GITLAB_TOKEN/, /CI_MERGE_REQUEST_IID/, /CI_PROJECT_ID is no number/]) {
        assert.match(gitlab, each);
      }
      assert.match(all({}), /neither GITHUB_ACTIONS nor GITLAB_CI is true[^]*leave --post out/);
      assert.match(
        all(githubEnvironment({ ref: "refs/heads/main" })),
        /\(pull_request\) is not about a pull request/,
      );
      assert.match(
        all({ ...githubEnvironment(), GITHUB_EVENT_PATH: join(directory, "none") }),
        /cannot be read: ENOENT/,
      );
    });

    it("refuses a token that the forge does not know", async () => {
      await assert.rejects(
        postComment(
          pullRequestOf({ ...githubEnvironment(), GITHUB_TOKEN: "no" }),
          marker,
          body("x"),
        ),
        /answered 401: Bad credentials\n {2}What to do: the token is not valid/,
      );
    });
  });
});
