import type { IncomingHttpHeaders } from "node:http";

export interface ForgeComment {
  id: number;
  author: string;
  body: string;
  /** How often it was edited. */
  edits: number;
}

/** What the routes work on. */
export interface ForgeState {
  comments: ForgeComment[];
  /** Login by token. */
  tokens: Record<string, string>;
  say(author: string, body: string): ForgeComment;
}

export interface Request {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: unknown;
}

export interface Answer {
  status: number;
  body: object;
}

/** The answer to a request; undefined where the address is another's. */
export type Routes = (request: Request, state: ForgeState) => Answer | undefined;

/** The page of a list that a query asks for, as both forges count pages. */
export function pageOf<Item>(items: readonly Item[], query: URLSearchParams): Item[] {
  const perPage = Math.min(100, Number(query.get("per_page") ?? 30));
  const page = Number(query.get("page") ?? 1);
  return items.slice((page - 1) * perPage, page * perPage);
}
