import { CloudStack, Refusal, type Update, type UntypedDeployment } from "./stacks.js";

/** The one organization, and the one user. */
const organization = "acme";
export const user = "alice";

/** What the routes work on. */
export interface Service {
  stacks: Set<CloudStack>;
  /** How long a lease lasts that is not renewed. */
  leaseSeconds: number;
  beforeImport: () => void;
}

/** A request, read. */
export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  /** The user's token, or that of an update's lease. */
  credential: string;
}

/** @param parts what the form of the address has caught */
type Route = (service: Service, call: Call, parts: string[]) => unknown;

const stackPath = "/api/stacks/([^/]+)/([^/]+)/([^/]+)";

/** A route about one stack. */
function ofStack(
  method: string,
  rest: string,
  route: (stack: CloudStack, call: Call, parts: string[], service: Service) => unknown,
): [string, RegExp, Route] {
  return [
    method,
    new RegExp(`^${stackPath}${rest}$`),
    (service, call, [, project = "", name = "", ...parts]) =>
      route(stackCalled(service, project, name), call, parts, service),
  ];
}

/** A route that only the holder of an update's lease may take. */
function ofLease(
  method: string,
  rest: string,
  route: (stack: CloudStack, update: Update, call: Call) => unknown,
): [string, RegExp, Route] {
  return ofStack(method, `/update/([^/]+)${rest}`, (stack, call, [id = ""]) =>
    route(stack, stack.leased(id, call.credential), call),
  );
}

export const routes: readonly [method: string, form: RegExp, route: Route][] = [
  ["GET", /^\/api\/capabilities$/, () => ({ capabilities: [] })],
  [
    "GET",
    /^\/api\/user$/,
    () => ({
      id: user,
      githubLogin: user,
      name: user,
      organizations: [{ githubLogin: organization, name: organization }],
    }),
  ],
  ["GET", /^\/api\/user\/organizations\/default$/, () => ({ GitHubLogin: organization })],
  ["GET", /^\/api\/user\/stacks$/, listStacks],
  ["HEAD", /^\/api\/stacks\/([^/]+)\/([^/]+)$/, projectExists],
  ["POST", /^\/api\/stacks\/([^/]+)\/([^/]+)$/, createStack],

  ofStack("GET", "", describe),
  ofStack("DELETE", "", (stack, { query }, _, { stacks }) => {
    if (query.get("force") !== "true" && resourcesIn(stack.state) > 0) {
      throw new Refusal(400, "Bad Request: Stack still contains resources.");
    }
    stacks.delete(stack);
  }),
  ofStack("POST", "/rename", rename),
  ofStack("PATCH", "/tags", (stack, { body }) => {
    stack.tags = body as Record<string, string>;
  }),

  ofStack("POST", "/encrypt", (stack, { body }) => ({
    ciphertext: stack.encrypt(bytes(body.plaintext)).toString("base64"),
  })),
  ofStack("POST", "/decrypt", (stack, { body }) => ({
    plaintext: stack.decrypt(bytes(body.ciphertext)).toString("base64"),
  })),
  ofStack("POST", "/batch-decrypt", (stack, { body }) => ({
    plaintexts: Object.fromEntries(
      (body.ciphertexts as string[]).map((sealed) => [
        sealed,
        stack.decrypt(bytes(sealed)).toString("base64"),
      ]),
    ),
  })),
  ofStack("POST", "/decrypt/log-(?:batch-)?decryption", () => ({})),

  ofStack("GET", "/export", ({ state }) => state),
  ofStack("GET", "/export/(\\d+)", ({ past }, _, [version = ""]) => {
    const found = past[Number(version) - 1];
    if (found === undefined) throw new Refusal(404, "Not Found: no such version");
    return found.state;
  }),
  ofStack("POST", "/import", (stack, { body }, _, service) => {
    service.beforeImport();
    return { updateId: stack.import(body as unknown as UntypedDeployment).id };
  }),
  ofStack("GET", "/updates", ({ past }, { query }) => {
    const size = Number(query.get("pageSize") ?? past.length);
    const first = (Number(query.get("page") ?? 1) - 1) * size;
    return { updates: history(past).slice(first, first + size) };
  }),
  ofStack("GET", "/updates/latest", ({ past }) => {
    const [info] = history(past);
    if (info === undefined) throw new Refusal(404, "Not Found: never updated");
    return { info };
  }),

  ofStack("POST", "/(update|preview|refresh|destroy)", (stack, { body }, [kind = ""]) => ({
    updateID: stack.create(kind, body).id,
  })),
  ofStack("POST", "/update/([^/]+)", (stack, { body }, [id = ""], { leaseSeconds }) => {
    const { token, expires } = stack.start(id, leaseSeconds);
    if (body.tags !== undefined) stack.tags = body.tags as Record<string, string>;
    return { version: stack.past.length + 1, token, tokenExpiration: Math.floor(expires / 1000) };
  }),
  // Asked for of imports alone, which are over at once.
  ofStack("GET", "/update/([^/]+)", () => ({ status: "succeeded", events: [] })),
  ofStack("POST", "/update/([^/]+)/cancel", (stack, _, [id = ""]) => stack.cancel(id)),
  ofLease("POST", "/renew_lease", (stack, update, { body }) => {
    stack.renew(update, Number(body.duration));
    return { token: update.token };
  }),
  ofLease("PATCH", "/checkpoint", (stack, _, { body }) => {
    const { version, deployment } = body as unknown as UntypedDeployment;
    stack.state = { version, deployment };
  }),
  ofLease("PATCH", "/checkpointverbatim", (stack, _, { body }) => {
    stack.state = body.untypedDeployment as UntypedDeployment;
  }),
  ofLease("POST", "/events/batch", () => ({})),
  ofLease("POST", "/complete", (stack, update, { body }) =>
    stack.complete(update, body.status === "succeeded" ? "succeeded" : "failed"),
  ),
];

function bytes(base64: unknown): Buffer {
  return Buffer.from(typeof base64 === "string" ? base64 : "", "base64");
}

function stackCalled({ stacks }: Service, project: string, name: string): CloudStack {
  const found = [...stacks].find((stack) => stack.project === project && stack.name === name);
  if (found === undefined) throw new Refusal(404, `Not Found: Stack '${name}' not found`);
  return found;
}

function listStacks({ stacks }: Service, { query }: Call): unknown {
  const project = query.get("project");
  return {
    stacks: [...stacks]
      .filter((stack) => project === null || stack.project === project)
      .map((stack) => ({
        orgName: stack.organization,
        projectName: stack.project,
        stackName: stack.name,
        // By zero the client knows an update in progress.
        lastUpdate: stack.inProgress === undefined ? seconds(stack.past.at(-1)?.ended) : 0,
        resourceCount: resourcesIn(stack.state),
      })),
  };
}

function projectExists({ stacks }: Service, _: Call, [, project]: string[]): void {
  if ([...stacks].some((stack) => stack.project === project)) return;
  throw new Refusal(404, "Not Found: no such project");
}

function createStack(
  { stacks }: Service,
  { body }: Call,
  [org = "", project = ""]: string[],
): void {
  const name = String(body.stackName);
  if ([...stacks].some((stack) => stack.project === project && stack.name === name)) {
    throw new Refusal(409, `Conflict: Stack '${name}' already exists`);
  }
  const state = body.state as UntypedDeployment | undefined;
  const stack = new CloudStack(org, project, name, state);
  stack.tags = (body.tags ?? {}) as Record<string, string>;
  stacks.add(stack);
}

function describe(stack: CloudStack): unknown {
  const { inProgress } = stack;
  return {
    id: `${stack.project}/${stack.name}`,
    orgName: stack.organization,
    projectName: stack.project,
    stackName: stack.name,
    tags: stack.tags,
    version: stack.past.length,
    activeUpdate: stack.lastUpdate,
    ...(inProgress === undefined
      ? {}
      : {
          currentOperation: {
            kind: inProgress.kind,
            author: user,
            started: seconds(inProgress.started),
          },
        }),
  };
}

function rename(stack: CloudStack, { body }: Call, _: string[], { stacks }: Service): void {
  const name = String(body.newName);
  const project = body.newProject === "" ? stack.project : String(body.newProject);
  stack.refuseBusy();
  if ([...stacks].some((other) => other.project === project && other.name === name)) {
    throw new Refusal(409, `Conflict: Stack '${name}' already exists`);
  }
  Object.assign(stack, { project, name });
}

/** The newest first. */
function history(past: CloudStack["past"]): unknown[] {
  return past
    .map(({ update: { kind, started, program }, result, ended, state }, index) => ({
      kind,
      startTime: seconds(started),
      message: "",
      environment: {},
      config: program.config ?? {},
      result,
      endTime: seconds(ended),
      version: index + 1,
      resourceCount: resourcesIn(state),
    }))
    .reverse();
}

function resourcesIn({ deployment }: UntypedDeployment): number {
  const { resources } = (deployment ?? {}) as { resources?: unknown[] };
  return resources?.length ?? 0;
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.floor(milliseconds / 1000);
}
