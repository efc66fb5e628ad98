import { pageOf, type Answer, type ForgeComment, type ForgeState, type Request } from "./routes.js";

/** The repository and pull request that are there. */
export const githubRepository = "acme/cluster";
export const githubNumber = 12;

/** Most characters of a comment. */
const longest = 65_536;

/** REST for comments, and of GraphQL the one question whose token it is. */
export function githubRoutes(request: Request, state: ForgeState): Answer | undefined {
  const { method, path, query, headers, body } = request;
  if (path !== "/graphql" && !path.startsWith("/repos/")) return undefined;
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  const login = state.tokens[token];
  if (login === undefined) return { status: 401, body: { message: "Bad credentials" } };
  if (path === "/graphql") return { status: 200, body: { data: { viewer: { login } } } };

  const list = `/repos/${githubRepository}/issues/${githubNumber}/comments`;
  if (path === list && method === "GET") {
    return { status: 200, body: pageOf(state.comments, query).map(shown) };
  }
  const text = (body as { body?: unknown } | undefined)?.body;
  if (path === list && method === "POST") {
    return refusal(text) ?? { status: 201, body: shown(state.say(login, String(text))) };
  }
  const id = new RegExp(`^/repos/${githubRepository}/issues/comments/(\\d+)$`).exec(path)?.[1];
  const comment = state.comments.find((each) => each.id === Number(id));
  if (comment === undefined || method !== "PATCH") {
    return { status: 404, body: { message: "Not Found" } };
  }
  // A token with pull-requests: write may edit the comments of others as well.
  const refused = refusal(text);
  if (refused !== undefined) return refused;
  comment.body = String(text);
  comment.edits += 1;
  return { status: 200, body: shown(comment) };
}

function refusal(text: unknown): Answer | undefined {
  if (typeof text === "string" && [...text].length <= longest) return undefined;
  return {
    status: 422,
    body: {
      message: "Validation Failed",
      errors: [
        {
          resource: "IssueComment",
          code: "unprocessable",
          field: "data",
          message: `Body is too long (maximum is ${longest} characters)`,
        },
      ],
    },
  };
}

function shown({ id, author, body }: ForgeComment): object {
  const page = `https://github.com/${githubRepository}/pull/${githubNumber}`;
  return { id, body, user: { login: author }, html_url: `${page}#issuecomment-${id}` };
}
