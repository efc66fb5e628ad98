/** A real sshd on a test's worker, with keys, users and sudoers of its own. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { execa } from "execa";

import { type TestWorker, worker } from "./worker.js";

/** Pass phrase of the private key `locked`. */
export const passPhrase = "open sesame";

export class WorkerSshd {
  readonly port = 2222;

  private constructor(private readonly node: TestWorker) {}

  /** With the users `ubuntu`, who may use sudo, and `guest`, who may not. */
  static async start(node: TestWorker): Promise<WorkerSshd> {
    const sshd = new WorkerSshd(node);
    await sshd.makeKeys();
    await sshd.makeUsers();
    await sshd.listen();
    return sshd;
  }

  /** The host's public key. */
  get hostKey(): string {
    return readFileSync(this.file("host.pub"), "utf8").trim();
  }

  /** Another one of it, an RSA key. */
  get rsaHostKey(): string {
    return readFileSync(this.file("host-rsa.pub"), "utf8").trim();
  }

  /** A private key that may log in. */
  privateKey(name: "user" | "locked" = "user"): string {
    return readFileSync(this.file(name), "utf8");
  }

  /** Arguments that run a command there as `ubuntu`, by OpenSSH's client. */
  commandLine(command: string): string[] {
    return [
      ...["ssh", "-F", "/dev/null", "-p", String(this.port), "-i", this.file("user")],
      ...["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"],
      ...["-o", `UserKnownHostsFile=${this.file("known_hosts")}`],
      ...[`ubuntu@${worker.hostIp}`, command],
    ];
  }

  private file(name: string): string {
    return join(this.node.directory, name);
  }

  private async makeKeys(): Promise<void> {
    chmodSync(this.node.directory, 0o755);
    for (const [key, secret] of Object.entries({ host: "", user: "", locked: passPhrase })) {
      await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", secret, "-f", this.file(key)]);
    }
    await execa("ssh-keygen", ["-q", "-t", "rsa", "-N", "", "-f", this.file("host-rsa")]);
    writeFileSync(this.file("known_hosts"), `[${worker.hostIp}]:${this.port} ${this.hostKey}\n`);
  }

  private async makeUsers(): Promise<void> {
    const etc = {
      passwd: [
        "root:x:0:0::/root:/bin/sh",
        "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin",
        "nobody:x:65534:65534::/:/usr/sbin/nologin",
        "ubuntu:x:1000:1000::/:/bin/sh",
        "guest:x:1001:1001::/:/bin/sh",
      ],
      shadow: ["root:*:19000::::::", "ubuntu:*:19000::::::", "guest:*:19000::::::"],
      group: ["root:x:0:", "nogroup:x:65534:", "ubuntu:x:1000:", "guest:x:1001:"],
      sudoers: ["root ALL=(ALL:ALL) ALL", "ubuntu ALL=(ALL:ALL) NOPASSWD: ALL"],
    };
    for (const [name, lines] of Object.entries(etc)) {
      writeFileSync(this.file(name), `${lines.join("\n")}\n`, {
        mode: name === "sudoers" ? 0o440 : 0o644,
      });
      await this.node.run("mount", "--bind", this.file(name), `/etc/${name}`);
    }
  }

  private async listen(): Promise<void> {
    const config = this.file("sshd_config");
    writeFileSync(
      config,
      [
        `Port ${this.port}`,
        `ListenAddress ${worker.hostIp}`,
        `HostKey ${this.file("host")}`,
        `HostKey ${this.file("host-rsa")}`,
        `AuthorizedKeysFile ${this.file("user.pub")} ${this.file("locked.pub")}`,
        "PasswordAuthentication no",
        "PermitRootLogin no",
        "StrictModes no",
        "UsePAM no",
        "UseDNS no",
        "PidFile none",
        "",
      ].join("\n"),
    );
    await this.node.run("mkdir", "-p", "/run/sshd");
    await this.node.startOnWorker("/usr/sbin/sshd", "-D", "-e", "-f", config).says("listening");
  }
}
