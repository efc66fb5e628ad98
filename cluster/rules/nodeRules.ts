import type { V1Pod } from "@kubernetes/client-node";

import { ruleArguments, ruleScript, type RuleArguments } from "../../worker/rules/script.js";
import type { CapturedRule, System } from "../../migration/rules/natRule.js";
import { parseNodeReport, whyUnclear, type NodeReport } from "../../migration/rules/nodeReport.js";
import type { Cluster } from "../kubernetes/cluster.js";
import { describePod, isReady } from "../kubernetes/objects.js";
import { ExecRefusedError } from "../kubernetes/exec.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { Deadline, waitFor } from "../wait.js";

/**
 * Directory, in the containers of kube2iam, that keeps links to the real iptables tools where
 * those in the search path were replaced by ones that do nothing.
 */
export const keptToolsDirectory = "/run/kube2iam-to-kiam/bin";

/** The running pods of each system, by node. */
type Pods = Record<System, Map<string, V1Pod>>;

/**
 * The rules of a worker, seen and changed without SSH: the script of worker/rules/ runs in a pod
 * that is on the worker's network and may use iptables, kiam's agent or kube2iam.
 */
export class NodeRules {
  private constructor(
    private readonly cluster: Cluster,
    private readonly target: Target,
    private readonly waitSeconds: number,
    private pods: Pods,
  ) {}

  /**
   * Reads which pods there are to work through; make a new one after pods were replaced.
   *
   * @param waitSeconds how long to wait for a pod that its kubelet does not know yet
   */
  static async read(
    cluster: Cluster,
    target: Target,
    waitSeconds = target.timeoutSeconds,
  ): Promise<NodeRules> {
    return new NodeRules(cluster, target, waitSeconds, await readPods(cluster, target));
  }

  /** The running pod of that system on the worker. */
  pod(system: System, worker: Pick<Worker, "name">): V1Pod | undefined {
    return this.pods[system].get(worker.name);
  }

  /** Looks, and changes nothing. `through`: the system whose pod is preferred. */
  async inspect(worker: Worker, through: System = "kiam"): Promise<NodeReport> {
    return this.run("inspect", worker, through, this.arguments(worker));
  }

  /**
   * Removes that system's rules, provided the other's is there and healthy. Through kiam's agent
   * where there is one.
   */
  async remove(worker: Worker, system: System): Promise<NodeReport> {
    return this.run("remove", worker, "kiam", { ...this.arguments(worker), system });
  }

  /** Puts kube2iam's rules back in front. Through kube2iam's pod where there is one. */
  async restore(worker: Worker, rules: CapturedRule[]): Promise<NodeReport> {
    return this.run("restore", worker, "kube2iam", { ...this.arguments(worker), rules });
  }

  /**
   * kiam's rule is on the worker, or is appended provided that kiam is healthy. Through kiam's
   * agent where there is one.
   */
  async ensure(worker: Worker): Promise<NodeReport> {
    return this.run("ensure", worker, "kiam", {
      ...this.arguments(worker),
      kiamInterface: this.target.kiam.interface,
      system: "kiam",
    });
  }

  private arguments(worker: Worker): RuleArguments["inspect"] {
    return {
      hostIp: worker.hostIp,
      kube2iamPort: this.target.kube2iam.port,
      kiamPort: this.target.kiam.agentPort,
      interface: worker.interface ?? this.target.kube2iam.interface,
    };
  }

  /**
   * Runs in the first pod that takes it. Where none is there to take it, but one is listed as
   * running, or its successor is still to come, this waits: a kubelet that has just started does not
   * know its pods yet.
   */
  private async run<Verb extends keyof RuleArguments>(
    verb: Verb,
    worker: Worker,
    through: System,
    args: RuleArguments[Verb],
  ): Promise<NodeReport> {
    const order: System[] = through === "kiam" ? ["kiam", "kube2iam"] : ["kube2iam", "kiam"];
    let refused: { pod: V1Pod; error: ExecRefusedError }[] = [];
    const deadline = Deadline.after(this.waitSeconds);
    const look = await waitFor<NodeReport, GateError>(deadline, async () => {
      if (refused.length > 0 && !(await this.mayBeTaken(worker, refused))) throw refused[0]!.error;
      const pods = order.flatMap((system) => this.pod(system, worker) ?? []);
      if (pods.length === 0 && refused.length === 0) throw noPodOn(worker);
      // With none left, the successors of those that refused are still to come.
      if (pods.length > 0) refused = [];
      for (const pod of pods) {
        try {
          return { done: await this.runIn(pod, verb, worker, args) };
        } catch (error) {
          // Nothing was begun there, so the other system's pod can do it.
          if (!(error instanceof ExecRefusedError)) throw error;
          refused.push({ pod, error });
        }
      }
      // Time does not mend every refusal: exec may be forbidden.
      if (!refused.some(({ error }) => error.missing)) throw refused[0]!.error;
      return { pending: refused[0]!.error };
    });
    if ("done" in look) return look.done;
    throw look.pending;
  }

  /** Whether a pod that refused, or the one in its place, may take the command now or later. */
  private async mayBeTaken(
    worker: Worker,
    refused: readonly { pod: V1Pod; error: ExecRefusedError }[],
  ): Promise<boolean> {
    const [first] = refused;
    try {
      this.pods = await readPods(this.cluster, this.target);
    } catch {
      // What the pod was refused for says more.
      throw first!.error;
    }
    const own = Object.values(this.pods).flatMap((pods) => pods.get(worker.name) ?? []);
    if (own.length === 0) {
      const node = await this.cluster.node(worker.name);
      return node !== undefined && [undefined, node.metadata?.uid].includes(worker.uid);
    }
    return refused.some(({ pod, error }) => {
      const now = own.find(({ metadata }) => metadata?.uid === pod.metadata?.uid);
      return now === undefined || (error.missing && saysItRuns(now));
    });
  }

  private async runIn<Verb extends keyof RuleArguments>(
    pod: V1Pod,
    verb: Verb,
    worker: Worker,
    args: RuleArguments[Verb],
  ): Promise<NodeReport> {
    const script = ruleScript(verb);
    const result = await this.cluster.exec(
      pod,
      // head ends with the last byte of the script, and that is what ends the shell's input.
      // Where there are no kept tools, their directory does not exist and does no harm.
      [
        "sh",
        "-c",
        `PATH=${keptToolsDirectory}:$PATH; export PATH; head -c "$0" | "$@"`,
        String(Buffer.byteLength(script)),
        ...ruleArguments(verb, args),
      ],
      { stdin: script, timeoutSeconds: this.target.timeoutSeconds },
    );
    if (result.stdout.trim() === "") {
      throw new GateError(`The node script said nothing on ${worker.name}`, [
        {
          where: describePod(pod),
          what: `exit code ${result.exitCode}; ${result.stderr.trim() || "no message"}`,
        },
      ]);
    }
    return parseNodeReport(result.stdout);
  }
}

/** The tables that could not be read, and why; undefined where all could. */
export function unreadTables({ backends }: Pick<NodeReport, "backends">): string | undefined {
  const failed = backends.filter(({ state }) => state === "failed");
  if (failed.length === 0) return undefined;
  return failed.map(({ name, detail }) => `${name}: ${detail}`).join("; ");
}

/**
 * Why a rule that a report does not show may be there all the same; undefined where it is certain
 * that there is none. Tables that were not looked at, for lack of a tool, are no empty tables.
 */
export function maybeHidden(report: NodeReport): string | undefined {
  const unseen = report.backends.filter(({ state }) => state === "failed" || state === "absent");
  if (unseen.length > 0) return unseen.map(({ name, detail }) => `${name}: ${detail}`).join("; ");
  if (report.after.inForce !== "unknown") return undefined;
  return whyUnclear(report) ?? "whose rule comes first cannot be told";
}

/** What a report holds against a worker; none when it did as asked. */
export function reportProblemsOf(worker: Worker, report: NodeReport): Problem[] {
  if (report.outcome === "ok") return [];
  const said = report.findings.filter((finding) => finding.severity === "problem");
  const outcome = {
    refused:
      report.closed.length === 0 ? "Nothing was touched." : "No more connections were closed.",
    undone: "What had been changed was put back.",
    broken: "What had been changed could NOT be put back: look at this worker now.",
  }[report.outcome];
  return said.length === 0
    ? [{ where: `node ${worker.name}`, what: `the node script answered ${report.outcome}` }]
    : said.map((finding) => ({
        where: `node ${worker.name}`,
        what: `${finding.message} (${report.verb}: ${outcome})`,
      }));
}

function noPodOn(worker: Worker): GateError {
  return new GateError(`The rules of ${worker.name} cannot be reached`, [
    {
      where: `node ${worker.name}`,
      what: "neither kiam's agent nor kube2iam runs on it",
      why: "its nat rules are read and changed through one of their pods",
      fix: "see why neither DaemonSet has a running pod there",
    },
  ]);
}

/** What the API server has of the container in which the script runs; its kubelet may know better. */
function saysItRuns({ spec, status }: V1Pod): boolean {
  const container = status?.containerStatuses?.find(
    ({ name }) => name === spec?.containers[0]?.name,
  );
  return container?.state?.running !== undefined;
}

async function readPods(cluster: Cluster, target: Target): Promise<Pods> {
  const [kiam, kube2iam] = await Promise.all([
    runningPods(cluster, target.kiam.namespace, target.kiam.agentDaemonSet),
    runningPods(cluster, target.kube2iam.namespace, target.kube2iam.daemonSet),
  ]);
  return { kiam, kube2iam };
}

async function runningPods(
  cluster: Cluster,
  namespace: string,
  name: string,
): Promise<Map<string, V1Pod>> {
  const daemonSet = await cluster.daemonSet({ namespace, name });
  if (daemonSet === undefined) return new Map();
  const pods = (await cluster.podsOf(daemonSet)).filter(
    (pod) => pod.status?.phase === "Running" && pod.metadata?.deletionTimestamp === undefined,
  );
  // Where a node has two for a moment, the ready one is listed last and wins.
  pods.sort((a, b) => Number(isReady(a)) - Number(isReady(b)));
  return new Map(pods.map((pod) => [pod.spec?.nodeName ?? "", pod]));
}
