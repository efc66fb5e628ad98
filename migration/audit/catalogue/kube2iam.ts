import type { Catalogue } from "./entry.js";

/** kube2iam itself, and what its pods live on. */
export const kube2iamFindings = {
  "default-role-lost": {
    title: "Pods live on kube2iam's default role",
    severities: ["warns"],
    cause: "kube2iam runs with --default-role, and pods without a role annotation get that role.",
    consequence: "kiam has no default role: from the cutover on these pods get no credentials.",
    cure: "Annotate those that use AWS with iam.amazonaws.com/role, and acknowledge the rest.",
    acknowledgeable: true,
    source: "kube2iam --default-role",
  },
  "interface-unknown": {
    title: "The interface of kube2iam's rule is not known",
    severities: ["blocks"],
    cause: "Neither the settings nor kube2iam's --host-interface tell it.",
    consequence:
      "kiam's rule has to match the same traffic; without the interface there is no plan.",
    cure: "Set kube2iam.interface.",
    acknowledgeable: false,
    source: "kube2iam --host-interface",
  },
  "kube2iam-missing": {
    title: "kube2iam's DaemonSet is not where the settings say",
    severities: ["blocks", "informs"],
    cause:
      "There is no DaemonSet of the name kube2iam.daemonSet in the namespace kube2iam.namespace.",
    consequence:
      "Its port and interface make the rule that is to be deleted, and its DaemonSet is the way back.",
    cure: "Set kube2iam.namespace and kube2iam.daemonSet. After a retirement by this program there is nothing to do.",
    acknowledgeable: false,
  },
  "port-clash": {
    title: "kube2iam and kiam's agent are to listen on one port",
    severities: ["blocks"],
    cause: "kube2iam's --app-port equals kiam.agentPort.",
    consequence: "Both run on every worker for a while; the second cannot listen.",
    cure: "Set kiam.agentPort to another port, such as 8881.",
    acknowledgeable: false,
    source: "kiam --port",
  },
  "prestop-hook": {
    title: "A preStop hook of kube2iam deletes kiam's rule, too",
    severities: ["blocks", "informs"],
    cause:
      "kube2iam's README and charts offer a preStop hook that deletes every nat rule which holds 169.254.169.254.",
    consequence:
      "Whenever a kube2iam pod goes, its worker's pods fall through to the node's own role, and SDKs keep such credentials for hours.",
    cure: "Nothing where this program can disarm it (it informs then); otherwise disarm it by hand as the finding says.",
    acknowledgeable: false,
    source: "kube2iam README, chart value preStop",
  },
  "role-base-arn-unknown": {
    title: "The account of role names is not known",
    severities: ["blocks"],
    cause: "kube2iam has no --base-role-arn, and kiam.roleBaseArn is not set.",
    consequence:
      "Pods name roles without the account, and kiam's autodetection fails where IMDSv2 is required.",
    cure: "Set kiam.roleBaseArn, such as arn:aws:iam::123456789012:role/.",
    acknowledgeable: false,
    source: "kiam#398",
  },
  "startup-taint-keeps-kube2iam-off": {
    title: "kube2iam does not tolerate the startup taint",
    severities: ["informs"],
    cause: "newNodes.startupTaint is on, and kube2iam's pods do not tolerate that taint.",
    consequence:
      "On a node that registers with it kube2iam starts after kiam's agent, so kiam supplies that node from its first pod on, at every stage.",
    cure: "Nothing, if that is fine; otherwise let kube2iam tolerate the taint.",
    acknowledgeable: true,
  },
  "taint-tolerated-by-kube2iam": {
    title: "The taint does not keep kube2iam off new nodes",
    severities: ["blocks"],
    cause: "newNodes.keepKube2iamOff is taint, and kube2iam's pods tolerate that taint.",
    consequence: "New nodes get kube2iam as before.",
    cure: "Set newNodes.keepKube2iamOff to label, or narrow kube2iam's tolerations.",
    acknowledgeable: true,
  },
  "worker-role-needed": {
    title: "The workers' role would lose its trust while kube2iam still runs",
    severities: ["blocks"],
    cause: "iam.trustWorkerRole is off, and kube2iam's DaemonSet is there.",
    consequence:
      "kube2iam assumes the application roles as the workers' role, and so does the way back.",
    cure: "Leave iam.trustWorkerRole on until an update at stage retire has succeeded.",
    acknowledgeable: false,
  },
} as const satisfies Catalogue;
