/**
 * The node script as gates start it, through the Kubernetes API: the words that NodeRules hands to
 * exec, on a worker whose iptables was replaced by tools that do nothing.
 *
 * Real: the shell, iptables and the kernel's tables. Not proven here: exec through an API server, and
 * who replaces the tools.
 */
import assert from "node:assert/strict";
import type { V1Pod } from "@kubernetes/client-node";
import { ruleCapabilities } from "../../../components/agent/kiamAgent.js";
import type { Cluster } from "../../../cluster/kubernetes/cluster.js";
import type { Target } from "../../../migration/situation/target.js";
import {
  keptToolsDirectory,
  NodeRules,
  reportProblemsOf,
} from "../../../cluster/rules/nodeRules.js";
import { findCommand } from "../../support/requirements.js";
import { kiamRule, kube2iamRule, rule, TestWorker, worker } from "../../worker/worker.js";

const target: Target = {
  kubernetes: {},
  kube2iam: { namespace: "kube-system", daemonSet: "kube2iam", port: 8181, interface: "cni0" },
  kiam: {
    namespace: "kiam",
    serverDaemonSet: "kiam-server",
    agentDaemonSet: "kiam-agent",
    agentPort: 8881,
    serverPort: 443,
  },
  timeoutSeconds: 20,
};
const here = { name: "worker-1", hostIp: worker.hostIp };
const tools = ["iptables", "iptables-nft", "iptables-legacy"];

describe("node script through exec", () => {
  const node = TestWorker.forSuite("exec", "sh", "head", "setpriv");

  /** A cluster with kiam's agent and kube2iam on that worker, where exec runs on the test's worker. */
  function cluster(environment: Record<string, string> = {}): { api: Cluster; pods: string[] } {
    const pods: string[] = [];
    const api = {
      daemonSet: ({ name }: { name: string }) => Promise.resolve({ metadata: { name } }),
      podsOf: ({ metadata }: { metadata: { name: string } }): Promise<V1Pod[]> =>
        Promise.resolve([
          {
            metadata: { name: `${metadata.name}-1`, namespace: "default" },
            spec: { nodeName: here.name, containers: [] },
            status: { phase: "Running" },
          },
        ]),
      exec: (pod: V1Pod, command: string[], { stdin }: { stdin: string }) => {
        pods.push(pod.metadata?.name ?? "");
        return node.raw(command, stdin, environment);
      },
    };
    return { api: api as unknown as Cluster, pods };
  }

  it("puts kiam's rule back, through kiam's agent", async () => {
    await node.reset({ legacy: [kube2iamRule] });
    const { api, pods } = cluster();
    const report = await (await NodeRules.read(api, target)).ensure(here);
    assert.deepEqual(reportProblemsOf(here, report), []);
    assert.deepEqual(await node.rules("legacy"), [kube2iamRule, kiamRule]);
    assert.deepEqual(pods, ["kiam-agent-1"]);
  });

  it("gives kiam's rule kiam's own interface", async () => {
    await node.reset({ legacy: [kube2iamRule] });
    const other = { ...target, kiam: { ...target.kiam, interface: "!eth0" } };
    await (await NodeRules.read(cluster().api, other)).ensure(here);
    assert.deepEqual(await node.rules("legacy"), [kube2iamRule, rule(8881, "!eth0")]);
  });

  /** What kiam's agent gives exec: its capabilities, and of all files only the xtables lock to write to. */
  function asInTheAgent(capabilities: readonly string[], command: readonly string[]): string[] {
    const bounding = ["-all", ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(",");
    const confine = `
      touch /run/xtables.lock
      mount --bind /run/xtables.lock /run/xtables.lock
      mount -o remount,bind,ro /run
      mount -o remount,bind,ro /
      for place in /run/x /x; do ! touch $place 2>/dev/null || exit 99; done
      exec setpriv --no-new-privs --inh-caps=-all --bounding-set=${bounding} "$@"`;
    return [
      "unshare",
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-ec",
      confine,
      "sh",
      ...command,
    ];
  }

  it("does all of it with what the agent's container may do", async () => {
    const through = (capabilities: readonly string[]) => {
      const { api } = cluster();
      const confined = {
        ...api,
        exec: (_pod: V1Pod, command: string[], { stdin }: { stdin: string }) =>
          node.raw(asInTheAgent(capabilities, command), stdin),
      };
      return NodeRules.read(confined as unknown as Cluster, target);
    };
    for (const backend of ["legacy", "nft"] as const) {
      await node.reset({ [backend]: [kube2iamRule] });
      const rules = await through(ruleCapabilities);
      const expected = async (...list: string[]) =>
        assert.deepEqual(await node.rules(backend), list, backend);
      assert.deepEqual(reportProblemsOf(here, await rules.ensure(here)), []);
      await expected(kube2iamRule, kiamRule);
      const removed = await rules.remove(here, "kube2iam");
      assert.deepEqual(reportProblemsOf(here, removed), []);
      await expected(kiamRule);
      const captured = [{ backend, spec: kube2iamRule }];
      assert.deepEqual(reportProblemsOf(here, await rules.restore(here, captured)), []);
      await expected(kube2iamRule, kiamRule);
      assert.deepEqual((await rules.inspect(here)).before[backend], [kube2iamRule, kiamRule]);
    }
    // Each of them is needed: without it the script refuses, or sees nothing.
    await node.reset({ legacy: [kube2iamRule, kiamRule] });
    for (const without of ruleCapabilities) {
      const fewer = await through(ruleCapabilities.filter((name) => name !== without));
      const seen = await fewer.inspect(here).then(
        (report) => report.before.legacy,
        () => undefined,
      );
      assert.notDeepEqual(seen, [kube2iamRule, kiamRule], without);
    }
  });

  it("prefers the kept tools to those in the search path", async () => {
    await node.reset({ nft: [kube2iamRule, kiamRule] });
    const { api } = cluster(node.first(...tools.map((tool) => node.tool(tool, "exit 0"))));
    const seen = async () => (await (await NodeRules.read(api, target)).inspect(here)).before.nft;
    assert.deepEqual(await seen(), [], "the tools that do nothing were to be used: nothing proven");

    await node.run("mkdir", "-p", keptToolsDirectory);
    for (const tool of tools) {
      await node.run("ln", "-s", findCommand(tool) ?? "", `${keptToolsDirectory}/${tool}`);
    }
    assert.deepEqual(await seen(), [kube2iamRule, kiamRule]);
  });
});
