import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { plannedWorkers, type Plan, type PlannedProbe } from "../migration/plan/plan.js";
import type { Settings } from "../migration/settings/schema.js";
import { gateTarget } from "../migration/situation/target.js";
import { reaches } from "../migration/stages.js";
import { askFirst, type Begins } from "./begins.js";
import type { ForwardContext, ToolLocation } from "./gate.js";
import { IamRoles } from "./prepare/iamRoles.js";
import { KiamAgent } from "./agent/kiamAgent.js";
import { KiamFoundation } from "./prepare/kiamFoundation.js";
import { KiamServer } from "./server/kiamServer.js";
import { KiamTls } from "./prepare/kiamTls.js";
import { Kube2iamRetirement } from "./retire/kube2iamRetirement.js";
import { NamespacePermissions } from "./prepare/namespacePermissions.js";
import { everyNode, fallback, kube2iamPreStop, newNodes } from "./singleGates.js";
import { StartupTaint } from "./newNodes/startupTaint.js";
import { WorkerAgent } from "./agent/workerAgent.js";
import { inWaves } from "./cutover/inWaves.js";
import { WorkerCutover } from "./cutover/workerCutover.js";
import { withoutStackTraces } from "./withoutStackTraces.js";

export interface ClusterMigrationArgs extends ToolLocation {
  settings: Settings;
  plan: Plan;
  /** Asked before anything begins; unset where nothing can stop it but the engine. */
  begins?: Begins;
}

/**
 * The whole migration up to the plan's stage. The order is the product: every stage depends on
 * the one before, every wave on the one before, so that an update runs them in this order, a
 * failed gate stops what follows, and removal goes the same way back.
 *
 *     permissions, IAM, TLS, namespace → server → kube2iam's preStop hook → agent
 *       → shadow probes → fallback → canaries one by one → waves → kube2iam kept off new nodes
 *       → retirement
 */
export class ClusterMigration extends pulumi.ComponentResource {
  /** ARN of the role that kiam's server assumes; application roles have to trust it. */
  readonly serverRoleArn: pulumi.Output<string>;

  private readonly settings: Settings;
  private readonly plan: Plan;
  private readonly context: ForwardContext;
  private readonly begins: Begins | undefined;

  constructor(name: string, args: ClusterMigrationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:ClusterMigration", name, {}, opts);
    const { settings, plan, toolDirectory } = args;
    this.settings = settings;
    this.plan = plan;
    this.begins = args.begins;
    this.context = {
      target: gateTarget(settings, plan.kube2iam),
      goesBack: plan.goesBack,
      toolDirectory,
    };

    this.serverRoleArn = withoutStackTraces(() => this.declareStages());
    this.registerOutputs({ serverRoleArn: this.serverRoleArn });
  }

  /** @returns ARN of the server's role */
  private declareStages(): pulumi.Output<string> {
    const { settings, plan } = this;
    const permissions = new NamespacePermissions(
      "permitted",
      { namespaces: settings.namespaces },
      { parent: this },
    );
    const roles = new IamRoles(
      "iam",
      { iam: settings.iam, assumableRoles: plan.assumableRoles, roleBaseArn: plan.roleBaseArn },
      { parent: this },
    );
    const foundation = new KiamFoundation(
      "kiam",
      {
        kiam: settings.kiam,
        record: plan.record,
        probeRoleArn:
          plan.probe?.namespace === settings.kiam.namespace ? plan.probe.roleArn : undefined,
      },
      { parent: this },
    );
    const tls = new KiamTls(
      "kiam-tls",
      { kiam: settings.kiam, toolDirectory: this.context.toolDirectory },
      this.after(foundation),
    );
    if (reaches(plan.stage, "server")) {
      const server = new KiamServer(
        "kiam-server",
        {
          kiam: settings.kiam,
          roleBaseArn: plan.roleBaseArn,
          serverRoleArn: roles.serverRoleArn,
          tlsSecretName: tls.serverSecretName,
          servers: plan.servers,
          masterRoleName: settings.iam.manage ? settings.iam.masterRoleName : undefined,
          ...this.context,
        },
        this.after(permissions, roles, foundation, tls),
      );
      if (reaches(plan.stage, "agent")) this.agentStage(server, tls.agentSecretName);
    }
    return roles.serverRoleArn;
  }

  private agentStage(server: KiamServer, tlsSecretName: pulumi.Input<string>): void {
    const { settings, plan, context } = this;
    const probe = required(plan.probe);
    const preStop = kube2iamPreStop(context, plan.preStopToken, this.after(server));
    const agent = new KiamAgent(
      "kiam-agent",
      {
        kiam: settings.kiam,
        workers: settings.workers,
        interface: plan.agentInterface,
        tlsSecretName,
        probe,
        ...context,
      },
      this.after(server, preStop),
    );
    if (settings.newNodes.startupTaint) {
      new StartupTaint(
        "startup-taint",
        {
          kiam: settings.kiam,
          kubectlImage: settings.newNodes.kubectlImage,
          admissionPolicies: plan.admissionPolicies,
        },
        this.after(agent),
      );
    }
    const agents = new Map(
      plannedWorkers(plan).map((worker) => [
        worker.name,
        // By the node's name, never by its place: more or fewer nodes rename nothing.
        new WorkerAgent(worker.name, { worker, probe, ...context }, this.after(agent)),
      ]),
    );
    // After the workers' labels, so that it goes before them.
    const wayBack = fallback(context, probe, this.after(agent, ...agents.values()));
    this.cutoverStage(wayBack, (worker) => required(agents.get(worker)).anchor, probe);
  }

  private cutoverStage(
    wayBack: pulumi.Resource,
    anchorOf: (worker: string) => k8s.core.v1.NodePatch,
    probe: PlannedProbe,
  ): void {
    const { settings, plan, context, begins } = this;
    const { ssh } = settings;
    const hostKeys = new Map<string, pulumi.Input<string> | undefined>();
    let before = inWaves(plan.waves, [wayBack], this, (worker, after) => {
      const cutover = new WorkerCutover(
        `${worker.name}-cutover`,
        { worker, ssh, probe, anchor: anchorOf(worker.name), begins, ...context },
        this.after(...after),
      );
      hostKeys.set(worker.name, cutover.hostKey);
      return cutover;
    });
    // Besides the last wave, not instead of it: this resource outlives a way back, in which the rest
    // must go before the cutovers do.
    before = [...before, everyNode(context, plan, this.after(...before))];
    const { keepKube2iamOff } = settings.newNodes;
    if (reaches(plan.stage, "cutover") && keepKube2iamOff !== "none") {
      before = [newNodes(context, keepKube2iamOff, this.after(...before))];
    }
    if (reaches(plan.stage, "retire")) {
      new Kube2iamRetirement(
        "kube2iam-retirement",
        {
          probe,
          retirement: settings.retirement,
          ssh,
          outside: plan.outside,
          workers: plannedWorkers(plan)
            .filter(({ steps, access }) => steps.includes("remove-rule") && access === "ssh")
            // Nothing can be closed on one that cannot be reached. While kube2iam is there, the
            // retirement itself refuses it.
            .filter(({ held }) => !held)
            .map((worker) => ({
              worker,
              anchor: anchorOf(worker.name),
              hostKey: hostKeys.get(worker.name),
            })),
          drainAttempt: plan.drainAttempt,
          ...context,
        },
        this.after(...before),
      );
    }
  }

  private after(...resources: pulumi.Resource[]): pulumi.ComponentResourceOptions {
    const { begins } = this;
    const dependsOn = begins === undefined ? resources : askFirst(resources, () => begins.part());
    return { parent: this, dependsOn };
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined)
    throw new Error("The plan lacks what its stage needs; settings are checked for this.");
  return value;
}
