import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { githubRoutes } from "./github.js";
import { gitlabRoutes } from "./gitlab.js";
import type { ForgeComment, ForgeState, Request, Routes } from "./routes.js";

/*
 * A local stand-in for what GitHub and GitLab have for comments: for tests, on loopback. It refuses
 * what they refuse (a token that it does not know, a body that is too long, an address that is not
 * there). It has no rate limits, and knows one repository and one pull request.
 */

const forges: readonly Routes[] = [githubRoutes, gitlabRoutes];

export interface Forge extends ForgeState {
  /** Where it listens: `http://127.0.0.1:4711`. */
  address: string;
  /** All requests, as `GET /repos/…`, without their query. */
  requests: string[];
  /** The next requests are answered so, as by a gateway in front; status 0 cuts the connection after acting. */
  failNext(...statuses: number[]): void;
  stop(): Promise<void>;
}

/** @param tokens login by token */
export async function startForge(tokens: Record<string, string>): Promise<Forge> {
  const comments: ForgeComment[] = [];
  const requests: string[] = [];
  const failures: number[] = [];
  const state: ForgeState = {
    comments,
    tokens,
    say(author, body) {
      const comment = { id: 1000 + comments.length, author, body, edits: 0 };
      comments.push(comment);
      return comment;
    },
  };
  const server = createServer((incoming, response) => {
    void respond(incoming, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });

  async function respond(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "", "http://localhost");
    requests.push(`${incoming.method} ${url.pathname}`);
    // Before any answer: what is left unread would cut the connection under the next request.
    const sent = await bodyOf(incoming);
    const failure = failures.shift();
    if (failure !== undefined && failure !== 0) {
      response.writeHead(failure, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
      return;
    }
    const request: Request = {
      method: incoming.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: sent,
    };
    const answer = forges
      .map((routes) => routes(request, state))
      .find((each) => each !== undefined) ?? { status: 404, body: { message: "Not Found" } };
    if (failure === 0) {
      incoming.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...state,
    address: `http://127.0.0.1:${port}`,
    requests,
    failNext: (...statuses) => void failures.push(...statuses),
    stop: () =>
      new Promise((resolve, reject) => {
        server.closeAllConnections();
        server.close((error) => (error === undefined ? resolve() : reject(error)));
      }),
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString("utf8");
  return text === "" ? undefined : JSON.parse(text);
}
