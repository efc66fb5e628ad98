/**
 * The stand-ins for kiam and kube2iam: their own Go tests, and the built programs in a network
 * namespace with the real iptables.
 *
 * Not proven here: that the official programs behave so. That was compared side by side with their
 * binaries (flags, answers, log messages, exit codes, rules). The lab runs with them instead, if
 * KIAM_LAB_KIAM and KIAM_LAB_KUBE2IAM name them. Skipped without a Go toolchain; the second part also without root.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { silentProgress } from "../../automation/progress.js";
import { buildGo } from "../../lab/parts/goBuild.js";
import { standIn } from "../../lab/parts/identity.js";
import { cacheDirectory } from "../../lab/paths.js";
import { needsCommands, skipBecause } from "../support/requirements.js";

const run = promisify(execFile);
const source = path.join(__dirname, "../../lab/standins/go");
const environment = { ...process.env, CGO_ENABLED: "0" };

interface Outcome {
  code: number;
  output: string;
}

/** Runs a program to its end and returns how it ended, whatever that was. */
async function outcome(program: string, args: string[]): Promise<Outcome> {
  try {
    const { stdout, stderr } = await run(program, args);
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

describe("the stand-ins for kiam and kube2iam", function () {
  // Cold, the Kubernetes client and two AWS SDKs are compiled.
  this.timeout(600_000);
  let directory: string;
  let kiam: string;
  let kube2iam: string;

  before(async function () {
    needsCommands(this, ["go"]);
    directory = await mkdtemp(path.join(os.tmpdir(), "standins-"));
    const built = async (program: "kiam" | "kube2iam") => {
      const build = await buildGo(standIn(program), cacheDirectory(), silentProgress);
      return path.join(build, "bin", program);
    };
    [kiam, kube2iam] = [await built("kiam"), await built("kube2iam")];
  });
  after(async () => {
    if (directory) await rm(directory, { recursive: true });
  });

  it("pass their own tests", async () => {
    // As the programs are built: packages that both need are compiled once.
    await run("go", ["test", "-trimpath", "./..."], { cwd: source, env: environment });
  });

  it("say that they are stand-ins", async () => {
    for (const [program, official] of [
      [kiam, "kiam v4.2"],
      [kube2iam, "kube2iam 0.15.0"],
    ] as const) {
      const { code, output } = await outcome(program, ["--version"]);
      assert.equal(code, 0);
      assert.match(output, new RegExp(`stand-in for ${official.replaceAll(".", "\\.")}`));
    }
  });

  it("refuse unknown flags as the official ones do", async () => {
    assert.deepEqual(await outcome(kiam, ["agent", "--bogus"]), {
      code: 1,
      output: "kiam: error: unknown long flag '--bogus', try --help\n",
    });
    const { code, output } = await outcome(kube2iam, ["--bogus"]);
    assert.equal(code, 2);
    assert.match(output, /^(unknown flag: --bogus\n)+Usage of /);
  });

  describe("with a nat table of their own", () => {
    const namespace = `standins-${process.pid}`;
    const inside = (...command: string[]) =>
      outcome("nsenter", [`--net=/run/netns/${namespace}`, ...command]);
    const chain = async () =>
      (await inside("iptables", "-w", "-t", "nat", "-S", "PREROUTING")).output
        .split("\n")
        .filter((line) => line.startsWith("-A"));
    const rule = (port: number, match: string) =>
      `-A PREROUTING -d 169.254.169.254/32 ${match} -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:${port}`;
    const agent = (...flags: string[]) =>
      inside(
        kiam,
        "agent",
        "--iptables",
        "--host=10.0.0.1",
        "--server-address=localhost:9",
        "--gateway-timeout-creation=200ms",
        ...["cert", "key", "ca"].map((name) => `--${name}=${path.join(directory, `${name}.pem`)}`),
        ...flags,
      );

    before(async function () {
      try {
        await run("ip", ["netns", "add", namespace]);
      } catch {
        skipBecause(this, "needs network namespaces (root and iproute2)");
      }
      await run("openssl", [
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=agent"],
        ...["-keyout", path.join(directory, "key.pem"), "-out", path.join(directory, "cert.pem")],
      ]);
      await run("cp", [path.join(directory, "cert.pem"), path.join(directory, "ca.pem")]);
      await run("ip", ["-n", namespace, "link", "set", "lo", "up"]);
    });
    after(async () => {
      await outcome("ip", ["netns", "delete", namespace]);
    });
    afterEach(async () => {
      await inside("iptables", "-w", "-t", "nat", "-F", "PREROUTING");
    });

    it("kiam's agent adds its rule before it looks for a server, and takes it along", async () => {
      const { code, output } = await agent("--host-interface=lo", "--port=8881");
      assert.equal(code, 1);
      const [added, failed, removed] = [
        "configuring iptables",
        "error dialing grpc server: context deadline exceeded",
        "iptables rule was successfully removed",
      ].map((message) => output.indexOf(message));
      assert.ok(0 < added! && added! < failed! && failed! < removed!, output);
      assert.deepEqual(await chain(), []);
    });

    it("kiam's agent leaves its rule with --no-iptables-remove, once", async () => {
      for (let time = 0; time < 2; time++)
        await agent("--no-iptables-remove", "--host-interface=!eth0", "--port=8881");
      assert.deepEqual(await chain(), [rule(8881, "! -i eth0")]);
    });

    it("kube2iam adds its rule once, behind others, and leaves it", async () => {
      await agent("--no-iptables-remove", "--host-interface=lo", "--port=8881");
      for (let time = 0; time < 2; time++) {
        const { code, output } = await inside(
          kube2iam,
          "--iptables=true",
          "--host-interface=lo",
          "--host-ip=10.0.0.1",
          "--base-role-arn=arn:aws:iam::123456789012:role/",
        );
        assert.equal(code, 1);
        assert.match(output, /unable to load in-cluster configuration/);
      }
      assert.deepEqual(await chain(), [rule(8881, "-i lo"), rule(8181, "-i lo")]);
    });

    it("kube2iam refuses an interface that is not there", async () => {
      const { code, output } = await inside(
        kube2iam,
        "--iptables=true",
        "--host-interface=cni0",
        "--host-ip=10.0.0.1",
      );
      assert.equal(code, 1);
      assert.match(output, /no such network interface/);
      assert.deepEqual(await chain(), []);
    });
  });
});
