import { pageOf, type Answer, type ForgeComment, type ForgeState, type Request } from "./routes.js";

/** The project and merge request that are there. */
export const gitlabProject = 34;
export const gitlabNumber = 5;

/** Most characters of a comment. */
const longest = 1_000_000;

/** The notes of a merge request, and whose token it is. */
export function gitlabRoutes(request: Request, state: ForgeState): Answer | undefined {
  const { method, path, query, headers, body } = request;
  if (!path.startsWith("/api/v4/")) return undefined;
  const login = state.tokens[String(headers["private-token"] ?? "")];
  if (login === undefined) return { status: 401, body: { message: "401 Unauthorized" } };
  if (path === "/api/v4/user") return { status: 200, body: { id: idOf(login), username: login } };

  const notes = `/api/v4/projects/${gitlabProject}/merge_requests/${gitlabNumber}/notes`;
  if (path === notes && method === "GET") {
    return { status: 200, body: pageOf(state.comments, query).map(shown) };
  }
  const text = (body as { body?: unknown } | undefined)?.body;
  if (path === notes && method === "POST") {
    return refusal(text) ?? { status: 201, body: shown(state.say(login, String(text))) };
  }
  const id = new RegExp(`^${notes}/(\\d+)$`).exec(path)?.[1];
  const comment = state.comments.find((each) => each.id === Number(id));
  if (comment === undefined || method !== "PUT") {
    return { status: 404, body: { message: "404 Not found" } };
  }
  if (comment.author !== login) return { status: 403, body: { message: "403 Forbidden" } };
  const refused = refusal(text);
  if (refused !== undefined) return refused;
  comment.body = String(text);
  comment.edits += 1;
  return { status: 200, body: shown(comment) };
}

function refusal(text: unknown): Answer | undefined {
  if (typeof text === "string" && [...text].length <= longest) return undefined;
  const message = { note: [`is too long (maximum is ${longest} characters)`] };
  return { status: 400, body: { message } };
}

/** Some number of its own for each login. */
function idOf(login: string): number {
  return [...login].reduce((sum, letter) => sum * 31 + (letter.codePointAt(0) ?? 0), 7) % 1e9;
}

function shown({ id, author, body }: ForgeComment): object {
  return { id, body, system: false, author: { id: idOf(author), username: author } };
}
