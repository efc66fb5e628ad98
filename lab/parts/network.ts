import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { z } from "zod";
import type { Step } from "../../automation/progress.js";
import { Unavailable } from "./search.js";

/** A host that has not answered by then is taken for unreachable. In milliseconds. */
const PROBE_MS = 2_000;
/** Answers of a network that does not let us through; the host itself would say something else. */
const REFUSALS = [403, 407, 451, 502, 503, 504];

const Closed = z.record(z.string(), z.object({ reason: z.string(), since: z.string() }));

/**
 * The hosts of official downloads. Each is asked once; one that cannot be reached is remembered in
 * the cache, so that a closed network costs two seconds once and not at every start. Removing the
 * file (or the cache) makes the lab try again.
 *
 * Where the way out is a proxy, Node.js wants NODE_USE_ENV_PROXY=1 beside HTTPS_PROXY.
 */
export class Network {
  private readonly verdicts = new Map<string, Promise<void>>();

  /**
   * @param closedHosts file that remembers hosts that cannot be reached
   * @param request for tests; default the platform's fetch
   */
  constructor(
    private readonly closedHosts: string,
    private readonly request: typeof fetch = fetch,
  ) {}

  /**
   * @param url something that exists there: hosts refuse addresses that they do not know
   * @throws {Unavailable} when the host cannot be reached
   */
  async requireHost(url: string): Promise<void> {
    const { host } = new URL(url);
    let verdict = this.verdicts.get(host);
    if (!verdict) {
      verdict = this.probe(url, host);
      this.verdicts.set(host, verdict);
    }
    await verdict;
  }

  /** A small text file. @throws {Unavailable} when it cannot be had */
  async text(url: string): Promise<string> {
    return (await this.get(url)).text();
  }

  /**
   * Downloads a file and compares its SHA-256 with the one its authors publish.
   *
   * @throws {Unavailable} when it cannot be had
   * @throws when the checksum differs: then it is not what its authors published, and nothing else
   * is tried in its place
   */
  async file(url: string, destination: string, sha256: string, step: Step): Promise<void> {
    const response = await this.get(url);
    const total = Number(response.headers.get("content-length"));
    let received = 0;
    const count = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        received += chunk.byteLength;
        step.update(
          `${megabytes(received)}${total ? ` of ${megabytes(total)}` : ""} MB from ${url}`,
        );
        yield chunk;
      }
    };
    await mkdir(dirname(destination), { recursive: true });
    // The cast joins two declarations of one class: the DOM's and Node's.
    const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    await pipeline(body, count, createWriteStream(destination)).catch((error: unknown) => {
      throw new Unavailable(`${url}: ${reason(error)}`);
    });
    const actual = await sha256Of(destination);
    if (actual !== sha256) {
      throw new Error(
        `${url}: its SHA-256 is ${actual}, published is ${sha256}. What arrived is not what its ` +
          "authors published (a proxy that alters it, or worse); it is not used.",
      );
    }
  }

  private async get(url: string): Promise<Response> {
    await this.requireHost(url);
    const response = await this.request(url).catch((error: unknown) => {
      throw new Unavailable(`${url}: ${reason(error)}`);
    });
    if (!response.ok) throw new Unavailable(`${url}: HTTP status ${response.status}`);
    return response;
  }

  private async probe(url: string, host: string): Promise<void> {
    const closed = await this.readClosed();
    const known = closed[host];
    if (known) {
      throw new Unavailable(
        `${host} gave nothing on ${known.since} (${known.reason}); remove ` +
          `${this.closedHosts} to try again`,
      );
    }
    const refused = await this.request(url, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.timeout(PROBE_MS),
    }).then(
      ({ status }) => (REFUSALS.includes(status) ? `HTTP status ${status}` : undefined),
      reason,
    );
    if (refused !== undefined) await this.giveUp(url, refused);
  }

  /**
   * Remembers that nothing can be had from a host, though it may have answered: what it leads to
   * may be out of reach.
   *
   * @throws {Unavailable} always
   */
  async giveUp(url: string, reason: string): Promise<never> {
    const { host } = new URL(url);
    const closed = await this.readClosed();
    closed[host] = { reason, since: new Date().toISOString().slice(0, 10) };
    await mkdir(dirname(this.closedHosts), { recursive: true });
    await writeFile(this.closedHosts, `${JSON.stringify(closed, undefined, 2)}\n`);
    throw new Unavailable(`nothing can be had from ${host} (${reason})`);
  }

  private async readClosed(): Promise<z.infer<typeof Closed>> {
    // Whatever is wrong with the file, the worst that follows is one more try.
    try {
      return Closed.parse(JSON.parse(await readFile(this.closedHosts, "utf8")));
    } catch {
      return {};
    }
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

/** fetch says "fetch failed" and keeps why in the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${PROBE_MS / 1000} s`;
  return error.cause instanceof Error ? error.cause.message : error.message;
}
