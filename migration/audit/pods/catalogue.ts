import type { Catalogue } from "../entry.js";

/** What pods do today that will be different under kiam. */
export const podFindings = {
  "allow-route-regexp-invalid": {
    title: "The agent's expression of allowed paths is not valid",
    severities: ["blocks"],
    cause:
      "kiam.extraArgs.agent has an --allow-route-regexp that is no Go regular expression, has it twice, or has the name of another version's flag (kiam 3: --whitelist-route-regexp).",
    consequence: "kiam's agent ends at once on every worker.",
    cure: "Correct it as the finding says.",
    acknowledgeable: false,
    onlyForward: true,
    source: "kiam cmd/kiam/agent.go",
  },
  "credentials-churn": {
    title: "Pods ask for credentials all the time",
    severities: ["warns"],
    cause:
      "By kube2iam's log, a pod asked for credentials at least six times a minute for three minutes or longer.",
    consequence:
      "It keeps no credentials, so that each of its calls depends on kiam's agent and server, and none survives a restart of theirs.",
    cure: "Let one process keep its SDK's client. Sessions of 30 minutes or more help where an SDK refreshes long before they expire.",
    acknowledgeable: true,
    seenIn: ["kube2iamLog"],
    source: "kiam#41, kiam#220",
  },
  "default-role-lost": {
    title: "Pods live on kube2iam's default role",
    severities: ["blocks", "warns"],
    cause:
      "kube2iam runs with --default-role or --auto-discover-default-role, and pods without a role annotation get that role. Blocks from stage cutover on, unless kube2iam's log shows that none of the namespace's pods asked for credentials during two lifetimes of a session.",
    consequence: "kiam has no default role: from the cutover on these pods get no credentials.",
    cure: "Annotate those that use AWS with iam.amazonaws.com/role, and acknowledge it for the namespace once no other does.",
    acknowledgeable: true,
    onlyForward: true,
    source: "kube2iam --default-role, --auto-discover-default-role",
  },
  "host-network-pod-with-role": {
    title: "Pods on the host's network ask for a role and do not get it",
    severities: ["warns"],
    cause: "They have the annotation iam.amazonaws.com/role and hostNetwork: true.",
    consequence:
      "The rule catches only what comes in through the pods' interfaces: they get their node's own role, under kube2iam and under kiam.",
    cure: "Nothing for the migration. Take them off the host's network, or give the node what they need and drop the annotation.",
    acknowledgeable: true,
    source: "kube2iam README, kiam README",
  },
  "kube2iam-log-silent": {
    title: "kube2iam's log shows no request",
    severities: ["informs"],
    cause: "Its --log-level is above info, or no pod asked within the last hour.",
    consequence: "Which paths of the metadata service pods use is not known.",
    cure: "Set --log-level to info or debug, or wait until pods have asked.",
    acknowledgeable: true,
    seenIn: ["kube2iamLog"],
    source: "kube2iam server/server.go",
  },
  "kube2iam-log-unread": {
    title: "kube2iam's log could not be read everywhere",
    severities: ["warns"],
    cause: "The Kubernetes API refused, or did not answer in time.",
    consequence:
      "Pods there may use paths of the metadata service that kiam refuses, or kube2iam's default role, and the audit does not see it.",
    cure: "Allow list on pods and get on pods/log in kube2iam's namespace; see that its nodes answer.",
    acknowledgeable: true,
    seenIn: ["kube2iamLog"],
  },
  "metadata-path-refused": {
    title: "Pods use paths of the metadata service that kiam refuses",
    severities: ["blocks", "warns"],
    cause:
      "By kube2iam's log of the last hour, pods asked for other paths than those of credentials, which kube2iam passed on to EC2 and EC2 answered. Blocks from stage cutover on. IMDSv2's token does not count: kiam passes it on since 3.6.",
    consequence:
      "kube2iam passes every path on to EC2. kiam's agent answers 404 to all but those of credentials, unless its flag allows them.",
    cure: "Put the --allow-route-regexp that the finding gives into kiam.extraArgs.agent, or acknowledge it for the namespace where its pods can do without.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["kube2iamLog"],
    source: "kiam#110, kiam pkg/aws/metadata/handler_proxy.go",
  },
  "session-too-short": {
    title: "kiam's sessions are too short",
    severities: ["warns"],
    cause: "kiam.sessionDuration is less than 30 minutes.",
    consequence:
      "Some SDKs, that for Java among them, refresh credentials with less than 15 minutes left, which is then nearly always.",
    cure: "Set kiam.sessionDuration to 30m or more; STS allows chained roles at most 1h.",
    acknowledgeable: true,
    source: "kiam#41",
  },
  "short-lived-pods": {
    title: "Pods of Jobs ask for credentials the moment they start",
    severities: ["informs"],
    cause: "Pods that a Job controls use a role.",
    consequence:
      "They ask within a second of their start, when kube2iam and kiam may not know them yet; SDKs try once, for a second, by default.",
    cure: "Set AWS_METADATA_SERVICE_TIMEOUT=5 and AWS_METADATA_SERVICE_NUM_ATTEMPTS=20 in their containers (AWS CLI and boto3; other SDKs have settings of their own).",
    acknowledgeable: true,
    source: "kiam#293",
  },
} as const satisfies Catalogue;
