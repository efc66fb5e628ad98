import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

import { routes, type Call, type Service } from "./routes.js";
import { Refusal, type CloudStack } from "./stacks.js";

/*
 * A local stand-in for Pulumi Cloud's HTTP API, for tests, on loopback and in memory. It has what
 * pulumi's command line asks of it (pkg/backend/httpstate/client, 3.259) to make, list, rename and
 * remove stacks, to keep their secrets, to read and import states, and to update: one update at a
 * time on a stack, under a lease that runs out unless it is renewed, and that `pulumi cancel` ends.
 *
 * It leaves out organizations but one, teams, permissions, policies, deployments, webhooks and the
 * console; events are taken and forgotten. Checkpoints come whole: it offers neither journaling nor
 * differences, which Pulumi Cloud does. How long a lease lasts, and what the service says beyond what
 * its client reads, is not known here: the refusal of a second update has the words by which the
 * client tells it.
 */

export interface PulumiCloud {
  /** For PULUMI_BACKEND_URL. */
  address: string;
  /** For PULUMI_ACCESS_TOKEN. */
  token: string;
  /** @param name without organization and project; all stacks have another */
  stack(name: string): CloudStack;
  /** Is run before the next import is, as something that comes in between. */
  beforeNextImport(what: () => void): void;
  stop(): Promise<void>;
}

const token = "pul-stand-in";

/** @param leaseSeconds how long an update counts as in progress whose engine is gone */
export async function startPulumiCloud({ leaseSeconds = 300 } = {}): Promise<PulumiCloud> {
  const service: Service = { stacks: new Set(), leaseSeconds, beforeImport: () => {} };
  const server = createServer((incoming, response) => {
    void answer(service, incoming).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    token,
    stack(name) {
      const found = [...service.stacks].find((stack) => stack.name === name);
      if (found === undefined) throw new Error(`the stand-in of Pulumi Cloud has no stack ${name}`);
      return found;
    },
    beforeNextImport(what) {
      service.beforeImport = () => {
        service.beforeImport = () => {};
        what();
      };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  service: Service,
  incoming: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  try {
    const call = await callOf(incoming);
    for (const [method, form, route] of routes) {
      const found = method === call.method ? form.exec(call.path) : null;
      if (found !== null) return { status: 200, body: route(service, call, found.slice(1)) ?? {} };
    }
    throw new Refusal(404, `Not Found: the stand-in has no ${call.method} ${call.path}`);
  } catch (error) {
    const status = error instanceof Refusal ? error.status : 500;
    return { status, body: { code: status, message: String((error as Error).message) } };
  }
}

async function callOf(incoming: IncomingMessage): Promise<Call> {
  const { method = "", headers } = incoming;
  const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://127.0.0.1");
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const sent = Buffer.concat(chunks);
  const text = (headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent).toString();
  const [, kind = "", credential = ""] = /^(\S+) (.*)$/.exec(headers.authorization ?? "") ?? [];
  if (kind !== "update-token" && credential !== token) throw new Refusal(401, "Unauthorized");
  const body = (text === "" ? {} : JSON.parse(text)) as Call["body"];
  return { method, path: pathname, query: searchParams, body, credential };
}
