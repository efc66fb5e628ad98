import type { Catalogue } from "../entry.js";

/** kube2iam itself. */
export const kube2iamFindings = {
  "interface-unknown": {
    title: "The interface of kube2iam's rule is not known",
    severities: ["blocks"],
    cause: "Neither the settings nor kube2iam's --host-interface tell it.",
    consequence:
      "kiam's rule has to match the traffic that kube2iam's rule matches; without the interface there is no plan.",
    cure: "Set kube2iam.interface.",
    acknowledgeable: false,
    source: "kube2iam --host-interface",
  },
  "kube2iam-annotation-differs": {
    title: "kube2iam reads other annotations than kiam",
    severities: ["blocks", "warns"],
    cause:
      "It runs with --iam-role-key (blocks), or with --iam-external-id or --namespace-key (warn), of another name than the usual one.",
    consequence:
      "kiam reads iam.amazonaws.com/role and iam.amazonaws.com/external-id and no others, and so does this audit: pods that carry only the other annotation get no role.",
    cure: "Add the usual annotation with the same value.",
    acknowledgeable: true,
    source: "kube2iam --iam-role-key, kiam pkg/k8s/pod_cache.go",
  },
  "kube2iam-leaves-rule-to-others": {
    title: "Something other than kube2iam writes its rule",
    severities: ["warns"],
    cause: "kube2iam runs without --iptables.",
    consequence:
      "Whatever writes the rule, such as the nodes' user data, writes it again on a reboot and on new nodes, also after the cutover.",
    cure: "Take it out there once its nodes are cut over, and set kube2iam.interface to that rule's.",
    acknowledgeable: true,
    source: "kube2iam README, --iptables",
  },
  "kube2iam-missing": {
    title: "kube2iam's DaemonSet is not where the settings say",
    severities: ["blocks", "informs"],
    cause:
      "There is no DaemonSet of the name kube2iam.daemonSet in the namespace kube2iam.namespace.",
    consequence:
      "Its port and interface make the rule that is to be deleted, and its DaemonSet is the way back.",
    cure: "Set kube2iam.namespace and kube2iam.daemonSet to where kube2iam runs. After a retirement by this program there is nothing to do.",
    acknowledgeable: false,
  },
  "kube2iam-misses-workers": {
    title: "Workers have no kube2iam pod",
    severities: ["warns"],
    cause:
      "kube2iam's DaemonSet does not tolerate their taints, or its node selector or affinity leaves them out. Not looked at from stage retire on.",
    consequence:
      "Their pods read the node's own role, there is nothing to go back to, and the cutover finds no rule to take over.",
    cure: "Let its tolerations, node selector and affinity cover them, or leave them out by workers.selector.",
    acknowledgeable: true,
  },
  "kube2iam-not-ready": {
    title: "kube2iam is not Ready on workers",
    severities: ["warns"],
    cause:
      "Its pod there fails its readiness probe, or is still starting. Not looked at from stage retire on.",
    consequence: "Pods there may get no credentials now, and the way back leads nowhere.",
    cure: "See its log there; kube2iam is Ready once it can read the instance's id from EC2's metadata.",
    acknowledgeable: true,
  },
  "kube2iam-restricts-namespaces": {
    title: "Namespaces restrict roles in kube2iam's way, and not yet in kiam's",
    severities: ["informs"],
    cause:
      "They have iam.amazonaws.com/allowed-roles, and neither the settings nor an annotation permits them anything under kiam. The finding says whether kube2iam enforces it (--namespace-restrictions).",
    consequence: "kiam does not read that annotation, and allows no role without its own.",
    cure: "`kiam-migrate permitted --stack <name>` translates it.",
    acknowledgeable: true,
    source: "kube2iam --namespace-restrictions",
  },
  "kube2iam-flag-unusable": {
    title: "A flag of kube2iam cannot be used",
    severities: ["blocks"],
    cause:
      "--app-port, --host-interface or --base-role-arn of its DaemonSet is not what that flag takes: a variable of the container, $(PORT), or a shell's words.",
    consequence:
      "Port and interface make the rule that the cutover deletes and the way back restores, and the base ARN says which roles pods mean: neither is guessed.",
    cure: "Set kube2iam.port or kube2iam.interface; write the base ARN itself into the DaemonSet.",
    acknowledgeable: false,
    source: "kube2iam --app-port, --host-interface, --base-role-arn",
  },
  "kube2iam-settings-differ": {
    title: "kube2iam does not run as the settings or the record say",
    severities: ["blocks", "warns"],
    cause:
      "kube2iam.port or kube2iam.interface differs from the flags of its DaemonSet (blocks), or what an earlier run recorded does (warns).",
    consequence:
      "The cutover would look for a rule that is not there, and restore one that leads nowhere.",
    cure: "Leave these settings out: both are read from the DaemonSet.",
    acknowledgeable: true,
    source: "kube2iam --app-port, --host-interface",
  },
  "kube2iam-version": {
    title: "kube2iam's image names no version",
    severities: ["warns"],
    cause: "Its tag is missing, or is one that moves, such as latest.",
    consequence: "A pod that starts anew, as on the way back, may be another version.",
    cure: "Set the image to the version that runs (kubectl logs shows it, or the image's digest in the pod's status), with updateStrategy OnDelete, so that no pod restarts.",
    acknowledgeable: true,
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
    title: "A preStop hook of kube2iam also deletes kiam's rule",
    severities: ["blocks", "informs"],
    cause:
      "kube2iam's README and charts offer a preStop hook that deletes every nat rule which holds 169.254.169.254.",
    consequence:
      "Such a hook deletes every nat rule for 169.254.169.254, kiam's included: whenever a kube2iam pod goes, its worker's pods fall through to the node's own role, and SDKs keep such credentials for hours.",
    cure: "Nothing where this program can disarm it (it informs then); otherwise disarm it by hand as the finding says.",
    acknowledgeable: false,
    source: "kube2iam README, chart value preStop",
  },
  "role-base-arn-unknown": {
    title: "The account of role names is not known",
    severities: ["blocks"],
    cause: "kube2iam has no --base-role-arn, and kiam.roleBaseArn is not set.",
    consequence:
      "Pods name roles without the account; kiam has to know it, and its autodetection fails where IMDSv2 is required.",
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
    cure: "Nothing, if that is fine; otherwise let kube2iam tolerate the taint (with updateStrategy OnDelete, so that no pod restarts).",
    acknowledgeable: true,
  },
  "taint-tolerated-by-kube2iam": {
    title: "The taint does not keep kube2iam off new nodes",
    severities: ["blocks"],
    cause: "newNodes.keepKube2iamOff is taint, and kube2iam's pods tolerate that taint.",
    consequence: "New nodes get kube2iam as before.",
    cure: "Set newNodes.keepKube2iamOff to label, which works whatever kube2iam tolerates, or narrow kube2iam's tolerations (with updateStrategy OnDelete, so that no pod restarts).",
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
