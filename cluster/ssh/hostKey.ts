import { createHash, timingSafeEqual } from "node:crypto";

/** A server's public key, as known_hosts and `ssh-keyscan` have it. */
export interface HostKey {
  /** Such as `ssh-ed25519`. */
  type: string;
  blob: Buffer;
}

/** The first key in text such as `ssh-ed25519 AAAA… comment`; undefined where there is none. */
export function parseHostKey(text: string): HostKey | undefined {
  for (const line of text.split("\n")) {
    const match = /(?:^|\s)((?:ssh|ecdsa|sk)-[\w@.-]+)\s+([A-Za-z0-9+/]+=*)/.exec(line);
    if (match?.[1] && match[2] && !line.startsWith("#")) {
      return { type: match[1], blob: Buffer.from(match[2], "base64") };
    }
  }
  return undefined;
}

export function isSameKey({ blob }: HostKey, presented: Buffer): boolean {
  return presented.length === blob.length && timingSafeEqual(presented, blob);
}

/** As OpenSSH shows it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
