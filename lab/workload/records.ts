/** The records that the load clients write (see lab/client), read back line by line. */
import { createReadStream, existsSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import type { LabPaths } from "../paths.js";

/** Where a node keeps its pods' records: on its own disk, which outlives pods and reboots. */
export const RECORDS_ON_NODE = "/var/lib/load-client";

/** One request of one client, or the mark that a client ended. */
export interface RequestRecord {
  /** When the request began (for `end`: when the client ended), RFC 3339. */
  time: string;
  pod: string;
  namespace: string;
  node: string;
  mode: "fresh" | "keepalive";
  durationMs: number;
  /** Name of the role the pod is to get, without path. */
  expected: string;
  /** Name of the role as it was answered. */
  role?: string;
  /** ARN that STS knows the credentials by. */
  identity?: string;
  /**
   * `warmup`: failed before the client ever got credentials; `stopping`: failed while the
   * client itself was being stopped; `end`: the client ended as it was told to.
   */
  kind: "ok" | "failed" | "wrong" | "warmup" | "stopping" | "end";
  /** The answer was the node's own role. */
  nodeOwnRole?: boolean;
  /** Kind of failure: timeout, refused, reset, closed, `status 404`, expired … */
  cause?: string;
  error?: string;
  /** STS could not be asked: only the role's name was checked. */
  identityError?: string;
}

/** The records of every node of the lab; a node that has none yet is passed over. */
export async function* readLabRecords(paths: LabPaths): AsyncGenerator<RequestRecord> {
  for (const node of await readdir(paths.nodes)) {
    const directory = recordsOf(paths, node);
    if (existsSync(directory)) yield* readRecords(directory);
  }
}

/**
 * The records of every `*.jsonl` file in `directory`, file by file, each in the order of
 * time. A last line that is still being written is left out; any other line that is not
 * JSON is an error.
 */
export async function* readRecords(directory: string): AsyncGenerator<RequestRecord> {
  for (const name of (await readdir(directory)).filter((one) => one.endsWith(".jsonl")).sort()) {
    const file = path.join(directory, name);
    let number = 0;
    let broken = 0;
    for await (const line of createInterface({ input: createReadStream(file) })) {
      number += 1;
      if (broken > 0) {
        throw new Error(`${file}: line ${broken} is not a record`);
      }
      const record = parse(line);
      if (record) yield record;
      else broken = number;
    }
  }
}

/**
 * Reads the records of the lab on while they are written: each time only what is new, and keeps no
 * more of them than will be looked back at.
 */
export class RecordsAsTheyCome {
  /** Of each file, how far it was read (to the end of a whole line), and what is kept of it. */
  private files = new Map<string, { readTo: number; kept: RequestRecord[] }>();

  constructor(private readonly paths: LabPaths) {}

  /** What is kept and what is new; those of one client in the order of time. None of nodes that left. */
  async read(): Promise<RequestRecord[]> {
    const present: typeof this.files = new Map();
    for (const node of await readdir(this.paths.nodes)) {
      const directory = recordsOf(this.paths, node);
      const names = await readdir(directory).catch(() => []);
      for (const name of names.filter((one) => one.endsWith(".jsonl")).sort()) {
        const file = path.join(directory, name);
        present.set(file, await readOn(file, this.files.get(file)));
      }
    }
    this.files = present;
    return [...present.values()].flatMap(({ kept }) => kept);
  }

  /** Forgets what ended before a moment (milliseconds since the epoch). */
  forgetBefore(moment: number): void {
    for (const file of this.files.values()) {
      file.kept = file.kept.filter(
        (record) => Date.parse(record.time) + record.durationMs >= moment,
      );
    }
  }
}

async function readOn(
  file: string,
  { readTo, kept }: { readTo: number; kept: RequestRecord[] } = { readTo: 0, kept: [] },
): Promise<{ readTo: number; kept: RequestRecord[] }> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    if (size <= readTo) return { readTo, kept };
    const { buffer } = await handle.read(Buffer.alloc(size - readTo), 0, size - readTo, readTo);
    const whole = buffer.lastIndexOf("\n") + 1;
    const lines = buffer.toString("utf8", 0, whole).split("\n").slice(0, -1);
    const found = lines.map((line) => {
      const record = parse(line);
      if (record === undefined) throw new Error(`${file}: this line is not a record: ${line}`);
      return record;
    });
    return { readTo: readTo + whole, kept: [...kept, ...found] };
  } finally {
    await handle.close();
  }
}

function recordsOf(paths: LabPaths, node: string): string {
  return path.join(paths.nodes, node, "var-lib", path.basename(RECORDS_ON_NODE));
}

function parse(line: string): RequestRecord | undefined {
  try {
    return JSON.parse(line) as RequestRecord;
  } catch {
    return undefined;
  }
}
