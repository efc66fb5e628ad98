import type { V1DaemonSet } from "@kubernetes/client-node";

import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { ObjectName } from "../../cluster/kubernetes/objects.js";
import { ClusterError } from "../../cluster/kubernetes/call.js";
import { NodeRules } from "../../cluster/rules/nodeRules.js";
import { Deadline, waitFor } from "../../cluster/wait.js";
import type { NodeFacts } from "../../migration/facts/clusterFacts.js";
import type { Target } from "../../migration/situation/target.js";

/**
 * What one run of a gate works on: its connection to the cluster, and what its input says of that
 * cluster. Nothing is kept here. Every method reads anew, since nodes, pods and rules change while
 * a gate runs; a gate that may rely on what it has read hands that on itself.
 */
export class GateContext {
  private constructor(
    readonly cluster: Cluster,
    readonly target: Target,
  ) {}

  static async connect(target: Target): Promise<GateContext> {
    return new GateContext(await Cluster.connect(target.kubernetes), target);
  }

  /** The limit for one thing that is waited for. It begins now. */
  deadline(): Deadline {
    return Deadline.after(this.target.timeoutSeconds);
  }

  get kube2iamName(): ObjectName {
    const { namespace, daemonSet } = this.target.kube2iam;
    return { namespace, name: daemonSet };
  }

  /** kube2iam's DaemonSet, as messages name it. */
  get kube2iamText(): string {
    const { namespace, daemonSet } = this.target.kube2iam;
    return `DaemonSet ${namespace}/${daemonSet}`;
  }

  get agentName(): ObjectName {
    const { namespace, agentDaemonSet } = this.target.kiam;
    return { namespace, name: agentDaemonSet };
  }

  async kube2iam(): Promise<V1DaemonSet | undefined> {
    return this.cluster.daemonSet(this.kube2iamName);
  }

  async nodes(): Promise<NodeFacts[]> {
    return (await this.cluster.nodes()).map(nodeFacts);
  }

  async node(name: string): Promise<NodeFacts | undefined> {
    const node = await this.cluster.node(name);
    return node === undefined ? undefined : nodeFacts(node);
  }

  /** The workers' rules, through the pods that run now. */
  async rules(): Promise<NodeRules> {
    return NodeRules.read(this.cluster, this.target);
  }

  /** Looks until it is so. @returns false where the limit has passed before */
  async until(
    isSo: () => Promise<boolean>,
    deadline: Deadline = this.deadline(),
  ): Promise<boolean> {
    const look = await waitFor<true, undefined>(deadline, async () =>
      (await isSo()) ? { done: true } : { pending: undefined },
    );
    return "done" in look;
  }

  /** Does it again, for a time, where an object was changed between reading and writing it. */
  async despiteConflicts<T>(
    attempt: () => Promise<T>,
    deadline: Deadline = this.deadline(),
  ): Promise<T> {
    const look = await waitFor<T, ClusterError>(deadline, async () => {
      try {
        return { done: await attempt() };
      } catch (error) {
        if (error instanceof ClusterError && error.code === 409) return { pending: error };
        throw error;
      }
    });
    if ("done" in look) return look.done;
    throw look.pending;
  }
}
