/**
 * A worker to try the node script on: two network namespaces (the worker and one pod's) with the
 * kernel's real nat tables, and a private mount namespace, so that the xtables lock, /etc and the
 * tools that a test hides are this worker's own. Nothing of the machine changes. In one file, since
 * nearly all of it is one class: what stands on that worker, and what tests do there.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";
import {
  type RuleArguments,
  type RuleVerb,
  ruleArguments,
  ruleScript,
} from "../../worker/rules/script.js";
import { probeScript } from "../../gates/probe/probePod.js";
import { metadataService, parseVerdict, type ProbeVerdict } from "../../worker/probe/verdict.js";
import { type Backend, credentialRuleSpec } from "../../migration/rules/natRule.js";
import {
  type Finding,
  type NodeReport,
  parseNodeReport,
} from "../../migration/rules/nodeReport.js";
import { findCommand, needsCommands, needsRoot } from "../support/requirements.js";
import { Instrument, waitUntil } from "./instrument.js";

/** Everything the tests' worker is: address and ports as kube2iam and kiam would have them. */
export const worker = { hostIp: "10.99.0.11", kube2iamPort: 8181, kiamPort: 8881 } as const;

/** The shells that the script must run on. */
export const shells = [["dash"], ["bash"], ["busybox", "sh"]] as const;

/** A rule of kube2iam's, as `-S` prints it. */
export const kube2iamRule = rule(worker.kube2iamPort);
/** A rule of kiam's. */
export const kiamRule = rule(worker.kiamPort);

/** The credential rule to `port` of this worker for a host interface. */
export function rule(port: number, hostInterface = "cni0"): string {
  return credentialRuleSpec({ interface: hostInterface, address: worker.hostIp, port });
}

/** The same for every interface. */
export function ruleForAll(port: number): string {
  return credentialRuleSpec({ interface: undefined, address: worker.hostIp, port });
}

/** A run of the script: what for, by which shell (dash when unset), and in which environment. */
type Run<Verb extends RuleVerb> = [
  verb: Verb,
  args: Omit<RuleArguments[Verb], keyof typeof worker>,
  shell?: readonly string[],
  environment?: Record<string, string>,
];

/** How one run of the script ended. */
export interface Outcome {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
  /** The document, if there is one. */
  report: NodeReport;
}

/** What `ip` is told so that the namespace of a pod is behind cni0 of a node's. */
export function podBehind(node: string, pod: string): string[] {
  return [
    `link add cni0 netns ${node} type veth peer name eth0 netns ${pod}`,
    `-n ${node} addr add 10.244.1.1/24 dev cni0`,
    `-n ${pod} addr add 10.244.1.5/24 dev eth0`,
    `-n ${node} link set cni0 up`,
    `-n ${pod} link set eth0 up`,
    `-n ${pod} route add default via 10.244.1.1`,
  ];
}

export class TestWorker {
  private readonly namespaces: string[] = [];
  private readonly processes: ChildProcessWithoutNullStreams[] = [];
  private holder = 0;
  private systems: Instrument | undefined;
  /** A directory of this worker's own, gone with it. */
  readonly directory: string;

  private constructor(private readonly name: string) {
    this.directory = join(tmpdir(), name);
  }

  /**
   * One for the suite that is being described: built before its tests and removed after them. Where
   * this machine has not what it takes, the suite is skipped.
   *
   * @param name tells the test files' workers apart
   * @param commands what the tests use besides what a worker is made of
   */
  static forSuite(name: string, ...commands: readonly string[]): TestWorker {
    const node = new TestWorker(`t-node-${name}-${process.pid}`);
    before(async function () {
      needsRoot(this);
      needsCommands(this, [
        ...["ip", "nsenter", "unshare", "iptables-nft", "iptables-legacy", "curl"],
        ...commands,
      ]);
      await node.build();
    });
    after(() => node.remove());
    return node;
  }

  private async build(): Promise<void> {
    mkdirSync(this.directory, { recursive: true });
    const node = `${this.name}-w`;
    const pod = `${this.name}-p`;
    for (const namespace of [node, pod]) {
      await execa("ip", ["netns", "add", namespace]);
      this.namespaces.push(namespace);
    }
    const commands = [
      `-n ${node} link set lo up`,
      `-n ${pod} link set lo up`,
      `-n ${node} addr add ${worker.hostIp}/32 dev lo`,
      // Where no rule catches a request, the node's own role answers: the wrong identity.
      `-n ${node} addr add 169.254.169.254/32 dev lo`,
      ...podBehind(node, pod),
    ];
    for (const command of commands) await execa("ip", command.split(" "));
    const holder = this.start("nsenter", [
      ...[`--net=/run/netns/${node}`, "unshare", "--mount", "--propagation", "private"],
      ...["sh", "-c", "mount -t tmpfs tmpfs /run && echo ready && exec sleep 86400"],
    ]);
    this.holder = holder.child.pid ?? 0;
    await holder.line();
    this.systems = this.start("nsenter", [
      ...this.onWorker([process.execPath, instrument("systems.mjs")]),
      ...[worker.hostIp, String(worker.kube2iamPort), String(worker.kiamPort)],
    ]);
    await this.systems.line();
  }

  /** Arguments of nsenter that run `command` on the worker. */
  onWorker(command: readonly string[]): string[] {
    return [`--target=${this.holder}`, "--net", "--mount", "--", ...command];
  }

  /** The same in the pod. */
  private inPod(command: readonly string[]): string[] {
    return [`--net=/run/netns/${this.name}-p`, ...command];
  }

  /** Runs a command on the worker; rejects when it fails. */
  async run(...command: string[]): Promise<string> {
    return (await execa("nsenter", this.onWorker(command))).stdout;
  }

  /** Starts something on the worker that goes on until the worker is removed. */
  startOnWorker(...command: string[]): Instrument {
    return this.start("nsenter", this.onWorker(command));
  }

  /** An order to the instrument that stands for kube2iam and kiam; see instruments/systems.mjs. */
  async order(order: string): Promise<void> {
    await this.systems?.say(order);
  }

  /** Starts the load of requests in the pod; the promise it gives ends it and tells the result. */
  async load(): Promise<() => Promise<{ answers: Record<string, number>; failures: string[] }>> {
    const load = this.start("nsenter", this.inPod([process.execPath, instrument("load.mjs")]));
    await load.line();
    return async () => {
      load.child.stdin.end();
      return JSON.parse(await load.line()) as {
        answers: Record<string, number>;
        failures: string[];
      };
    };
  }

  /** Opens a connection from the pod and keeps it; prints "connected". */
  keepConnection(): Instrument {
    const program =
      'require("net").connect(80,"169.254.169.254",function(){console.log("connected");this.resume()})';
    return this.start("nsenter", this.inPod([process.execPath, "-e", program]));
  }

  /**
   * Starts a client that keeps its connections, in the pod or on the worker itself; see
   * instruments/client.mjs.
   */
  keepAliveClient(where: "pod" | "worker", address: string): Instrument {
    const command = [process.execPath, instrument("client.mjs"), address];
    return this.start("nsenter", where === "worker" ? this.onWorker(command) : this.inPod(command));
  }

  /** One request from the pod to 169.254.169.254: who answers? */
  async whoAnswers(...curlOptions: readonly string[]): Promise<string> {
    const curl = ["curl", "-sS", "--max-time", "2", "--noproxy", "*", ...curlOptions];
    const url = "http://169.254.169.254/latest/meta-data/";
    return (await execa("nsenter", this.inPod([...curl, url]))).stdout;
  }

  /** Runs worker/probe/probe.sh in the pod through 169.254.169.254 and gives its verdict. */
  async probe(): Promise<ProbeVerdict | undefined> {
    const log = join(this.directory, "termination-log");
    const words = ["probe.sh", `http://${metadataService}`, "3", "5", "app"];
    await execa("nsenter", this.inPod(["dash", "-c", probeScript(), ...words]), {
      reject: false,
      env: { TERMINATION_LOG: log },
    });
    return parseVerdict(readFileSync(log, "utf8").trim());
  }

  /** Both systems healthy, and PREROUTING, and the chains that rules are given for, exactly these. */
  async reset(rules: Partial<Record<Backend, readonly string[]>>): Promise<void> {
    await this.order("healthy kube2iam");
    await this.order("healthy kiam");
    for (const backend of ["nft", "legacy"] as const) {
      const given = rules[backend] ?? [];
      const own = new Set(given.map((each) => each.split(" ")[1]));
      own.delete("PREROUTING");
      const chains = [":PREROUTING ACCEPT", ...[...own].map((chain) => `:${chain} -`)];
      const lines = ["*nat", ...chains, ...given, "COMMIT", ""];
      await execa("nsenter", this.onWorker([`iptables-${backend}-restore`]), {
        input: lines.join("\n"),
      });
    }
  }

  /** The rules of PREROUTING as they are now. */
  async rules(backend: Backend): Promise<string[]> {
    const printed = await this.run(`iptables-${backend}`, "-t", "nat", "-S", "PREROUTING");
    return printed.split("\n").filter((line) => line.startsWith("-A"));
  }

  /** The same of both sets of tables. */
  async allRules(): Promise<Record<Backend, string[]>> {
    return { nft: await this.rules("nft"), legacy: await this.rules("legacy") };
  }

  /** Writes an executable shell script into a directory of its own and gives its path. */
  tool(name: string, ...lines: string[]): string {
    const file = join(mkdtempSync(join(this.directory, "tool-")), name);
    writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
    return file;
  }

  /** Has a file stand over these tools of the worker meanwhile, in its mount namespace only. */
  async instead(
    tools: readonly string[],
    file: string,
    meanwhile: () => Promise<unknown>,
  ): Promise<void> {
    const [tool, ...others] = tools;
    if (tool === undefined) {
      await meanwhile();
      return;
    }
    const real = await this.run("readlink", "-f", findCommand(tool) ?? tool);
    await this.run("mount", "--bind", file, real);
    try {
      await this.instead(others, file, meanwhile);
    } finally {
      await this.run("umount", real);
    }
  }

  /** The environment in which these tools are found before the worker's own. */
  first(...files: string[]): Record<string, string> {
    return { PATH: [...files.map((file) => dirname(file)), process.env.PATH].join(delimiter) };
  }

  /** Runs the script on the worker, from stdin as both transports do. */
  async script<Verb extends RuleVerb>(
    ...[verb, args, shell = ["dash"], environment]: Run<Verb>
  ): Promise<Outcome> {
    const words = ruleArguments(verb, { ...worker, ...args } as RuleArguments[Verb]);
    return await this.raw([...shell, ...words.slice(1)], ruleScript(verb), environment);
  }

  /** The same, which has to do as asked. */
  async done<Verb extends RuleVerb>(...run: Run<Verb>): Promise<Outcome> {
    const outcome = await this.script(...run);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    return outcome;
  }

  /** Starts the script as `script` does, without waiting for its end. */
  startScript<Verb extends RuleVerb>(
    ...[verb, args, shell = ["dash"]]: Run<Verb>
  ): ChildProcessWithoutNullStreams {
    const words = ruleArguments(verb, { ...worker, ...args } as RuleArguments[Verb]);
    const { child } = this.startOnWorker(...shell, ...words.slice(1));
    child.stdin.end(ruleScript(verb));
    return child;
  }

  /** Waits until one of the chain's rules is there, or is not. */
  async waitForRule(backend: Backend, spec: string, present: boolean): Promise<void> {
    await waitUntil(async () => (await this.rules(backend)).includes(spec) === present);
  }

  /** Waits until kiam's health is asked for. */
  async asked(): Promise<void> {
    await this.order("asked kiam");
  }

  /** Command lines of the processes on the worker. */
  async commandLines(): Promise<string[]> {
    const { stdout } = await execa("ip", ["netns", "pids", `${this.name}-w`]);
    return stdout.split("\n").map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    });
  }

  /** Runs anything with a text on stdin and reads the answer as the script's. */
  async raw(
    command: readonly string[],
    input: string,
    environment: Record<string, string> = {},
  ): Promise<Outcome> {
    const { exitCode, stdout, stderr } = await execa("nsenter", this.onWorker(command), {
      input,
      reject: false,
      env: environment,
    });
    return {
      exitCode,
      stdout,
      stderr,
      get report() {
        return parseNodeReport(stdout);
      },
    };
  }

  private start(command: string, args: string[]): Instrument {
    const instrument = new Instrument(spawn(command, args));
    this.processes.push(instrument.child);
    return instrument;
  }

  /** Ends what runs here and removes the namespaces, by name. */
  async remove(): Promise<void> {
    for (const child of this.processes.reverse()) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    }
    for (const namespace of this.namespaces) {
      const { stdout } = await execa("ip", ["netns", "pids", namespace], { reject: false });
      for (const pid of stdout.split("\n").filter((line) => line !== "")) {
        try {
          process.kill(Number(pid), "SIGKILL");
        } catch {
          // It ended by itself meanwhile.
        }
      }
      await execa("ip", ["netns", "delete", namespace], { reject: false });
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The script refused and touched nothing, for that reason in those words, in both its outputs. */
export function assertRefused(outcome: Outcome, code: Finding["code"], message: RegExp): void {
  assert.equal(outcome.exitCode, 1, `${outcome.stdout}\n${outcome.stderr}`);
  assert.equal(outcome.report.outcome, "refused");
  assert.equal(outcome.report.changed, false);
  const found = outcome.report.findings.find((finding) => finding.code === code);
  assert.ok(found, `no ${code} in ${JSON.stringify(outcome.report.findings)}`);
  assert.match(found.message, message);
  assert.match(outcome.stderr, message);
}

/** What a report found, each as `problem rule-absent`. */
export function codes({ findings }: NodeReport): string[] {
  return findings.map(({ severity, code }) => `${severity} ${code}`);
}

function instrument(file: string): string {
  return join(__dirname, "instruments", file);
}
