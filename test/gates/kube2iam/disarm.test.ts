import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { execa } from "execa";

import { findCommand, needsCommands, needsRoot } from "../../support/requirements.js";

/*
 * worker/disarm/disarm.sh on a tree of tools that only say how they were called, and the hook of kube2iam's
 * README run on it before and after. Does not prove that a kubelet runs the hook that way:
 * test/faults does.
 */

const script = join(__dirname, "../../../worker/disarm/disarm.sh");
const kept = "/run/kube2iam-to-kiam/bin";
const shells = [["dash"], ["bash"], ["busybox", "sh"]] as const;
const readme =
  "eval `iptables-save | grep 169.254.169.254 | sed s/-A/'iptables -t nat -D'/g`; nft flush table nat";

/** What is in a container: paths with the text of a program, or with `→` and where they lead. */
type Tree = Record<string, string>;

const relink = `#!/bin/sh
ln -sf xtables-nft-multi "\${0%/*}/iptables"
exec "$0" "$@"
`;

const trees: Record<string, Tree> = {
  "Alpine, one program of many names": {
    "/usr/sbin/xtables-nft-multi": "tool",
    "/usr/sbin/iptables": "→ xtables-nft-multi",
    "/usr/sbin/iptables-save": "→ xtables-nft-multi",
    "/usr/sbin/iptables-restore": "→ /usr/sbin/xtables-nft-multi",
    "/sbin/iptables-save": "→ /usr/sbin/xtables-nft-multi",
  },
  "Debian, merged directories and alternatives": {
    "/usr/sbin/xtables-legacy-multi": "tool",
    "/usr/sbin/iptables-legacy": "→ xtables-legacy-multi",
    "/usr/sbin/iptables-legacy-save": "→ xtables-legacy-multi",
    "/etc/alternatives/iptables": "→ /usr/sbin/iptables-legacy",
    "/etc/alternatives/iptables-save": "→ /usr/sbin/iptables-legacy-save",
    "/usr/sbin/iptables": "→ /etc/alternatives/iptables",
    "/usr/sbin/iptables-save": "→ /etc/alternatives/iptables-save",
    "/usr/sbin/nft": "tool",
    "/sbin": "→ usr/sbin",
  },
  "programs of their own, in two directories": {
    "/sbin/iptables": "tool",
    "/sbin/iptables-save": "tool",
    "/usr/local/sbin/iptables": "tool",
    "/usr/local/sbin/iptables-save": "tool",
  },
  "a front end that picks one when it is first called": {
    "/usr/sbin/xtables-nft-multi": "tool",
    "/usr/sbin/iptables-wrapper": relink,
    "/usr/sbin/iptables": "→ iptables-wrapper",
    "/usr/sbin/iptables-save": "→ xtables-nft-multi",
  },
};

class Container {
  readonly root = mkdtempSync(join(tmpdir(), "disarm-test-"));
  private readonly log = join(this.root, "calls");

  constructor(private readonly tree: Tree) {
    // All that a hook finds beside the tree, so that it never reaches the machine's own tools.
    mkdirSync(join(this.root, "only"));
    for (const command of ["grep", "sed", "ln"]) {
      symlinkSync(findCommand(command) ?? "", join(this.root, "only", command));
    }
    this.start();
  }

  /** As a restart of the container does: its own files are what they were in the image. */
  start(): void {
    const tool = [
      "#!/bin/sh",
      `echo "\${0##*/} $*" >>${this.log}`,
      'case "$*" in --version) echo "iptables v1.8" ;; esac',
      "case $0 in *-save) echo '-A PREROUTING -d 169.254.169.254/32 -j DNAT --to 10.0.0.1:8881' ;; esac",
      "",
    ].join("\n");
    for (const directory of ["usr", "sbin", "etc"]) {
      rmSync(join(this.root, directory), { recursive: true, force: true });
    }
    for (const [path, content] of Object.entries(this.tree)) {
      const file = join(this.root, path);
      mkdirSync(dirname(file), { recursive: true });
      if (content.startsWith("→ ")) {
        const target = content.slice(2);
        symlinkSync(target.startsWith("/") ? join(this.root, target) : target, file);
      } else {
        writeFileSync(file, content === "tool" ? tool : content.replace("ROOT", this.root));
        chmodSync(file, 0o755);
      }
    }
  }

  disarm(shell: readonly string[] = ["dash"], path = "/usr/sbin:/usr/bin:/sbin:/bin") {
    const [program = "", ...args] = [...shell, "-s", "--", this.root, kept];
    return execa(program, args, {
      ...{ env: { PATH: path }, extendEnv: false, reject: false },
      input: readFileSync(script, "utf8"),
    });
  }

  /** Runs a command as the hook, and returns how the real tools were called by it. */
  async calls(text: string, ...args: string[]): Promise<string[]> {
    rmSync(this.log, { force: true });
    const own = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map((each) => join(this.root, each));
    const env = { PATH: [...own, join(this.root, "only")].join(":") };
    await execa("/bin/sh", ["-c", text, ...args], { env, extendEnv: false, reject: false });
    const lines = existsSync(this.log) ? readFileSync(this.log, "utf8").split("\n") : [];
    return lines.filter((line) => line !== "" && !line.endsWith("--version"));
  }

  async assertDisarmed(): Promise<void> {
    assert.deepEqual(await this.calls(readme), []);
    for (const path of Object.keys(this.tree)) {
      if (!/(ip|x)tables|nft/.test(path) || /alternatives|wrapper/.test(path)) continue;
      const called = await this.calls(`${join(this.root, path)} -t nat -F`);
      assert.deepEqual(called, [], `${path} by its path`);
    }
    const real = join(this.root, kept, "iptables");
    assert.deepEqual(await this.calls(`${real} -t nat -S`), ["iptables -t nat -S"]);
    assert.equal((await this.calls(`${real}-save`)).length, 1);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

describe("disarming a preStop hook", () => {
  let container: Container;
  const start = (tree: Tree) => (container = new Container(tree));
  afterEach(() => container.remove());

  for (const [name, tree] of Object.entries(trees)) {
    for (const shell of shells) {
      it(`${name}: the hook does nothing, the real tools stay reachable (${shell.join(" ")})`, async function () {
        needsCommands(this, [shell[0]]);
        start(tree);
        const armed = await container.calls(readme);
        assert.ok(
          armed.some((call) => call.startsWith("iptables -t nat -D PREROUTING")),
          `the hook works before: ${armed.join("; ")}`,
        );
        const { exitCode, stdout, stderr } = await container.disarm(shell);
        assert.equal(exitCode, 0, stderr);
        assert.match(stdout, /\/iptables$/m);
        await container.assertDisarmed();
      });
    }

    it(`${name}: has nothing to do the second time, and all of it after a restart`, async () => {
      start(tree);
      await container.disarm();
      const again = await container.disarm();
      assert.deepEqual([again.exitCode, again.stdout], [0, ""], again.stderr);
      await container.assertDisarmed();
      container.start();
      assert.equal((await container.disarm()).exitCode, 0);
      await container.assertDisarmed();
    });
  }

  it("goes on where a run was killed, wherever that was", async () => {
    start({ ...trees["Alpine, one program of many names"] });
    const bin = join(container.root, "counting");
    mkdirSync(bin);
    for (const tool of ["ln", "mv"]) {
      for (const nth of [1, 2, 3, 4]) {
        container.start();
        rmSync(join(container.root, "run"), { recursive: true, force: true });
        const count = join(bin, "count");
        writeFileSync(count, "");
        writeFileSync(
          join(bin, tool),
          `#!/bin/sh\necho >>${count}\n[ $(wc -l <${count}) -lt ${nth} ] || kill -9 $PPID\nexec /bin/${tool} "$@"\n`,
        );
        chmodSync(join(bin, tool), 0o755);
        const killed = await container.disarm(["dash"], `${bin}:/usr/bin:/bin`);
        assert.equal(killed.signal, "SIGKILL", `${tool} ${nth}`);
        rmSync(join(bin, tool));
        const { exitCode, stderr } = await container.disarm();
        assert.equal(exitCode, 0, stderr);
        await container.assertDisarmed();
      }
    }
  });

  it("refuses where there is nothing to disarm: then the hook's tools are somewhere else", async () => {
    start({ "/usr/bin/kube2iam": "tool" });
    const { exitCode, stderr } = await container.disarm();
    assert.equal(exitCode, 1);
    assert.match(stderr, /no iptables and no nft was found/);
  });

  it("refuses where the tools do not work from where they are kept", async () => {
    start({
      "/usr/sbin/iptables-legacy": "tool",
      // Calls the other by its path, which does nothing afterwards.
      "/usr/sbin/iptables": '#!/bin/sh\nexec ROOT/usr/sbin/iptables-legacy "$@"\n',
    });
    const { exitCode, stderr } = await container.disarm();
    assert.equal(exitCode, 1);
    assert.match(stderr, /does not work from/);
  });

  it("refuses a read-only file system", async function () {
    needsRoot(this);
    needsCommands(this, ["unshare"]);
    start({ "/usr/sbin/iptables": "tool" });
    const { root } = container;
    const readOnly = `mount --bind ${root} ${root} && mount -o remount,bind,ro ${root} && exec dash ${script} ${root} ${kept}`;
    const { exitCode, stderr } = await execa("unshare", ["--mount", "sh", "-c", readOnly], {
      reject: false,
    });
    assert.equal(exitCode, 1);
    assert.match(stderr, /could not be kept \(a read-only file system/);
  });
});
