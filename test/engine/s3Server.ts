/** An S3 on loopback, for tests of backends: moto's, started once, ended by its process id. */
import { spawn } from "node:child_process";

import pWaitFor from "p-wait-for";

import { freePort } from "../support/freePort.js";
import { patience } from "./limit.js";

export interface S3Server {
  /** The address of a Pulumi backend in a bucket, whether that is there or not. */
  backend(bucket: string): string;
  makeBucket(bucket: string): Promise<void>;
  /** Names of a bucket's objects that begin so. */
  list(bucket: string, prefix: string): Promise<string[]>;
  read(bucket: string, key: string): Promise<string>;
  write(bucket: string, key: string, content: string): Promise<void>;
  stop(): Promise<void>;
}

/** The address of a backend in an S3 that listens there. */
export function backendAt(bucket: string, port: number): string {
  return `s3://${bucket}?region=us-east-1&endpoint=http://127.0.0.1:${port}&s3ForcePathStyle=true`;
}

/** @param python an interpreter that has moto */
export async function startS3(python: string): Promise<S3Server> {
  const port = await freePort();
  const program = "import sys; from moto.server import main; main(sys.argv[1:])";
  const server = spawn(python, ["-c", program, "-H", "127.0.0.1", "-p", String(port)], {
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  // moto wants to be told who asks, and checks no signature.
  const authorization =
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
  const ask = async (path: string, init?: RequestInit): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, {
      ...init,
      headers: { authorization },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`S3 answered ${response.status} to ${path}: ${text}`);
    return text;
  };
  const answers = async (): Promise<boolean> => {
    if (server.exitCode !== null) throw new Error(`moto ended with ${server.exitCode}`);
    return ask("").then(
      () => true,
      () => false,
    );
  };
  try {
    await pWaitFor(answers, { interval: 100, timeout: patience });
  } catch (error) {
    server.kill("SIGKILL");
    throw error;
  }
  return {
    backend: (bucket) => backendAt(bucket, port),
    makeBucket: async (bucket) => void (await ask(bucket, { method: "PUT" })),
    list: async (bucket, prefix) => {
      const listing = await ask(`${bucket}?list-type=2&prefix=${encodeURIComponent(prefix)}`);
      return [...listing.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key = ""]) => key);
    },
    read: (bucket, key) => ask(`${bucket}/${key}`),
    write: async (bucket, key, body) =>
      void (await ask(`${bucket}/${key}`, { method: "PUT", body })),
    stop: async () => {
      server.kill("SIGTERM");
      await ended;
    },
  };
}
