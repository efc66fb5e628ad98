/** A comment that our own token wrote. */
export interface OwnComment {
  id: number;
  body: string;
}

/** A pull request of GitHub, or a merge request of GitLab, and the comments on it. */
export interface PullRequest {
  /** For people: `pull request 12 of acme/cluster`. */
  title: string;
  /** The commit that it would merge. */
  commit: string | undefined;
  /** Address of the run that looks at it. */
  run: string | undefined;
  /** Most characters of a comment. */
  longest: number;
  /** Comments of others are left out: anyone may write our marker, and we must not edit theirs. */
  ownComments(): Promise<OwnComment[]>;
  /** @returns the comment's address */
  create(body: string): Promise<string>;
  /** @returns the comment's address */
  edit(id: number, body: string): Promise<string>;
}

/** The environment of a pipeline's job. */
export type JobEnvironment = Readonly<Partial<Record<string, string>>>;

/** The job's environment does not say which pull request it is for, or has no right to comment there. */
export class NoPullRequestError extends Error {
  constructor(problems: readonly string[]) {
    super(
      [
        "There is no pull request to comment on:",
        ...problems.map((each) => `  - ${each}`),
        "  To see the comment without a pull request, leave --post out.",
      ].join("\n"),
    );
    this.name = "NoPullRequestError";
  }
}
