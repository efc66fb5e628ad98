import { z } from "zod";

import { shownLine } from "../text/shown.js";

/*
 * Host keys of workers, and the operator's program that tells them (ssh.hostKeyCommand): what it
 * may be, what it is told of a node, what of its answer is taken.
 */

export const hostKeySchema = z
  .string()
  .regex(
    /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( \S.*)?$/,
    "must be a public host key as in known_hosts, such as 'ssh-ed25519 AAAA…'",
  );

const word = z.string().regex(/^[^\0]*$/, "must not hold a NUL");

/** A program and its words. Without a relative path: updates and audits run in different directories. */
export const hostKeyCommandSchema = z.tuple(
  [word.regex(/^(\/[^]*|[^/]+)$/, "must be a program's name, or its absolute path")],
  word,
);

/**
 * An EC2 instance as a node's spec.providerID names it. Narrow, because scripts take the instance
 * id out of it: nothing in it can be an option or a second word.
 */
export const providerIdSchema = z
  .string()
  .regex(/^aws:\/\/\/[a-z0-9][a-z0-9-]{0,62}\/i-[0-9a-f]{8,17}$/, {
    error: "must be an EC2 instance, such as aws:///eu-west-1a/i-0123456789abcdef0",
  });

/** A node's spec.providerID; undefined where it names no EC2 instance. */
export function ec2ProviderId(reported: string | undefined): string | undefined {
  return providerIdSchema.safeParse(reported).data;
}

/** What the program is told of a node. */
export interface AskedNode {
  name: string;
  providerId?: string | undefined;
  /** Where SSH connects to. */
  address: string;
}

/** The same as variables of its environment; all three are there always. */
export function hostKeyEnvironment({ name, providerId, address }: AskedNode) {
  return { NODE_NAME: name, PROVIDER_ID: providerId ?? "", ADDRESS: address };
}

/** The one key in what the program printed, without its comment; else what is wrong with it. */
export function hostKeyIn(printed: string): { hostKey: string } | { problem: string } {
  const [line, ...more] = printed
    .split("\n")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  if (line === undefined) return { problem: "printed no key" };
  if (more.length > 0) return { problem: `printed ${more.length + 1} lines instead of one key` };
  const [type, key] = line.split(" ");
  return hostKeySchema.safeParse(line).success
    ? { hostKey: `${type} ${key}` }
    : { problem: `printed ${shownLine(JSON.stringify(line), 200)}, which is no public host key` };
}
