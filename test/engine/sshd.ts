/** A real sshd on loopback with throwaway keys, for the user who runs the tests. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { freePort } from "../support/freePort.js";

const SSHD = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].find(existsSync);

export interface Sshd {
  host: string;
  port: number;
  user: string;
  /** Private key that may log in. */
  privateKey: string;
  /** The host's public key, in the form of a `connection.hostKey`. */
  hostKey: string;
  /** Another one of the host's, as good as the first. */
  otherHostKey: string;
  stop(): Promise<void>;
}

/** Why no sshd can be started here; undefined where one can. */
export function sshdUnavailable(): string | undefined {
  if (SSHD === undefined) {
    return "sshd is not installed";
  }
  const root = userInfo().uid === 0;
  return root && spawnSync("unshare", ["--mount", "true"]).status !== 0
    ? "root may not make a mount namespace here"
    : undefined;
}

/**
 * @param options.acceptEnv patterns of variables that clients may set; none by default
 * @param options.forceCommand what runs instead of every command; none by default
 */
export async function startSshd(
  options: { acceptEnv?: string; forceCommand?: string } = {},
): Promise<Sshd> {
  const directory = await mkdtemp(path.join(tmpdir(), "kiam-sshd-test-"));
  const file = (name: string) => path.join(directory, name);
  for (const [key, type] of [
    ["host", "ed25519"],
    ["other", "ecdsa"],
    ["client", "ed25519"],
  ] as const) {
    spawnSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "", "-f", file(key)]);
  }
  const port = await freePort();
  const settings = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${file("host")}`,
    `HostKey ${file("other")}`,
    `AuthorizedKeysFile ${file("client.pub")}`,
    `PidFile ${file("pid")}`,
    "PasswordAuthentication no",
    "PermitRootLogin prohibit-password",
    "StrictModes no",
    "UsePAM no",
    "AllowTcpForwarding yes",
    "MaxStartups 100",
    ...(options.acceptEnv === undefined ? [] : [`AcceptEnv ${options.acceptEnv}`]),
    ...(options.forceCommand === undefined ? [] : [`ForceCommand ${options.forceCommand}`]),
  ];
  await writeFile(file("config"), settings.join("\n"));
  const command = `exec ${SSHD} -D -e -f ${file("config")}`;
  // As root it wants /run/sshd. It gets one in a mount namespace of its own, so that the machine's
  // /run stays as it is.
  const child =
    userInfo().uid === 0
      ? spawn("unshare", [
          "--mount",
          "sh",
          "-c",
          `mount -t tmpfs tmpfs /run && mkdir /run/sshd && ${command}`,
        ])
      : spawn("sh", ["-c", command]);
  child.stderr?.resume();
  await answering(port, child);
  return {
    host: "127.0.0.1",
    port,
    user: userInfo().username,
    privateKey: await readFile(file("client"), "utf8"),
    hostKey: (await readFile(file("host.pub"), "utf8")).trim(),
    otherHostKey: (await readFile(file("other.pub"), "utf8")).trim(),
    stop: async () => {
      child.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600 && child.exitCode === null; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      }).on("error", () => resolve(false));
    });
    if (open) {
      return;
    }
    await sleep(50);
  }
  throw new Error("sshd did not start");
}
