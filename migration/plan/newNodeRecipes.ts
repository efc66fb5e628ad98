import { stringify } from "yaml";

import { agentNotReadyTaint, kiamOnlyKey, kiamOnlyTaint } from "../facts/clusterFacts.js";
import type { Settings } from "../settings/schema.js";
import { reaches } from "../stages.js";

/*
 * What goes into the descriptions of node groups, so that nodes born during and after the
 * migration are kiam's from their first pod on. Field names as in
 *   kops        https://kops.sigs.k8s.io/instance_groups/ (v1alpha2)
 *   EKS         https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html,
 *               https://docs.aws.amazon.com/eks/latest/APIReference/API_Taint.html
 *   nodeadm     https://awslabs.github.io/amazon-eks-ami/nodeadm/ (node.eks.aws/v1alpha1)
 *   Karpenter   https://karpenter.sh/docs/concepts/nodepools/ (v1)
 */

interface Marks {
  labels: Record<string, string>;
  /** Taints that stay. */
  taints: NodeTaint[];
  /** Taints that go once the node is ready for pods. */
  startupTaints: NodeTaint[];
}

type NodeTaint = typeof kiamOnlyTaint;

/** Stands in every recipe where the boot guard's script goes. */
const placeholder = "<the script at the end>";

/**
 * What to paste for each way of making nodes, with a placeholder where the boot guard's script goes;
 * see {@link describeNewNodes}.
 */
export function newNodeRecipes(newNodes: Settings["newNodes"]) {
  const marks = marksOf(newNodes);
  return {
    kops: {
      title: "kops, each InstanceGroup of workers (kops edit instancegroup NAME)",
      text: kops(marks),
    },
    eksManaged: {
      title: "EKS managed node group, with a launch template that names no AMI",
      text: eksManaged(marks),
    },
    eksNodeadm: {
      title: "EKS, user data of nodes on Amazon Linux 2023 that you write yourself",
      text: eksNodeadm(marks),
    },
    eksBootstrap: {
      title: "EKS, user data of nodes on Amazon Linux 2 that you write yourself",
      text: eksBootstrap(marks),
    },
    launchTemplate: { title: "any other launch template", text: launchTemplate(marks) },
    karpenter: { title: "Karpenter", text: karpenter(marks) },
  };
}

/**
 * Everything in one text: what nodes have to register with, the recipes, and the script they
 * refer to. The same settings give the same text.
 *
 * @param bootGuard shell script for user data that writes kiam's rule at every boot
 */
export function describeNewNodes(newNodes: Settings["newNodes"], bootGuard: string): string {
  return [
    `New workers get: ${marksText(newNodes)}.`,
    "Only for groups of workers: kiam's servers need the instance metadata of their own nodes.",
    "Take all of it out again before the stack goes back below stage cutover. See docs/new-nodes.md.",
    ...Object.values(newNodeRecipes(newNodes)).map(
      ({ title, text }) => `--- ${title}\n\n${text.trimEnd()}`,
    ),
    `--- the boot guard, a script for user data (text/x-shellscript)\n\n${bootGuard.trimEnd()}`,
  ].join("\n\n");
}

/** One line for the operator, at the stages at which it matters; else undefined. */
export function newNodesNotice({ stage, newNodes }: Settings): string | undefined {
  const atCutover = reaches(stage, "cutover") && newNodes.keepKube2iamOff !== "none";
  if (!atCutover && !reaches(stage, "retire")) return undefined;
  return `New workers have to get: ${marksText(newNodes)}. \`pulumi stack output newNodes\` prints what goes into kops instance groups, EKS node groups, launch templates and Karpenter; docs/new-nodes.md explains it.`;
}

function marksOf({ keepKube2iamOff, startupTaint }: Settings["newNodes"]): Marks {
  return {
    labels: keepKube2iamOff === "label" ? { [kiamOnlyKey]: "true" } : {},
    taints: keepKube2iamOff === "taint" ? [kiamOnlyTaint] : [],
    startupTaints: startupTaint ? [agentNotReadyTaint] : [],
  };
}

function marksText(newNodes: Settings["newNodes"]): string {
  const { labels, taints, startupTaints } = marksOf(newNodes);
  const marks = [
    ...Object.entries(labels).map((label) => `the label ${labelText(label)}`),
    ...[...taints, ...startupTaints].map((taint) => `the taint ${taintText(taint)}`),
    "the boot guard",
  ];
  return marks.join(", ");
}

function taintText({ key, value, effect }: NodeTaint): string {
  return `${key}=${value}:${effect}`;
}

function labelText([label, value]: [string, string]): string {
  return `${label}=${value}`;
}

function hasMarks(marks: Marks): boolean {
  return Object.keys(marks.labels).length + allTaints(marks).length > 0;
}

function allTaints({ taints, startupTaints }: Marks): NodeTaint[] {
  return [...taints, ...startupTaints];
}

/** The value itself, or undefined where it is empty, so that it is left out. */
function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** Pods behind a bridge are one hop away; agents, on the host's network, are none. */
const metadataOptions = { httpPutResponseHopLimit: 1, httpTokens: "required" };

function kops(marks: Marks): string {
  return yaml({
    spec: {
      nodeLabels: unlessEmpty(marks.labels),
      taints: unlessEmpty(allTaints(marks).map(taintText)),
      instanceMetadata: metadataOptions,
      additionalUserData: [
        {
          // cloud-init runs scripts in the order of their names: before kops' own, nodeup.sh.
          name: "00-kiam-boot-guard.sh",
          type: "text/x-shellscript",
          content: placeholder,
        },
      ],
    },
  });
}

function eksManaged(marks: Marks): string {
  const effects: Record<string, string> = { NoSchedule: "NO_SCHEDULE" };
  const nodeGroup = {
    labels: unlessEmpty(marks.labels),
    taints: unlessEmpty(
      allTaints(marks).map(({ key, value, effect }) => ({ key, value, effect: effects[effect] })),
    ),
  };
  return [
    ...(hasMarks(marks)
      ? ["# node group (eks create-nodegroup, CloudFormation, Terraform, Pulumi)", yaml(nodeGroup)]
      : []),
    "# launch template data",
    yaml({ MetadataOptions: launchTemplateMetadata, UserData: "<base64 of the following>" }),
    mimeParts([scriptPart]),
  ].join("\n");
}

const launchTemplateMetadata = { HttpTokens: "required", HttpPutResponseHopLimit: 1 };

function eksNodeadm(marks: Marks): string {
  if (!hasMarks(marks)) return mimeParts([scriptPart]);
  const nodeConfig = yaml({
    apiVersion: "node.eks.aws/v1alpha1",
    kind: "NodeConfig",
    spec: {
      cluster: "<as it is>",
      kubelet: { flags: kubeletFlags(marks) },
    },
  });
  return mimeParts([scriptPart, { type: "application/node.eks.aws", content: nodeConfig }]);
}

function eksBootstrap(marks: Marks): string {
  const flags = kubeletFlags(marks).join(" ");
  const extra = flags === "" ? "" : ` --kubelet-extra-args '${flags}'`;
  return mimeParts([
    scriptPart,
    {
      type: "text/x-shellscript",
      content: `#!/bin/bash\n/etc/eks/bootstrap.sh <cluster>${extra}\n`,
    },
  ]);
}

function launchTemplate(marks: Marks): string {
  const flags = kubeletFlags(marks);
  return [
    ...(flags.length === 0 ? [] : ["# kubelet's flags", ...flags, ""]),
    "# launch template data; the script has to run before the kubelet starts",
    yaml({ MetadataOptions: launchTemplateMetadata, UserData: `<base64 of ${placeholder}>` }),
  ].join("\n");
}

function karpenter(marks: Marks): string {
  const { labels, taints, startupTaints } = marks;
  const nodePool = {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    spec: {
      template: {
        metadata: unlessEmpty(labels) && { labels },
        spec: unlessEmpty({
          ...(taints.length === 0 ? {} : { taints }),
          ...(startupTaints.length === 0 ? {} : { startupTaints }),
        }),
      },
    },
  };
  const nodeClass = {
    apiVersion: "karpenter.k8s.aws/v1",
    kind: "EC2NodeClass",
    spec: { metadataOptions, userData: mimeParts([scriptPart]) },
  };
  return [...(hasMarks(marks) ? [yaml(nodePool)] : []), yaml(nodeClass)].join("---\n");
}

/** A repeated --register-with-taints replaces the one before: these join a group's own. */
function kubeletFlags(marks: Marks): string[] {
  const labels = Object.entries(marks.labels).map(labelText).join(",");
  const taints = allTaints(marks).map(taintText).join(",");
  return [
    ...(labels === "" ? [] : [`--node-labels=${labels}`]),
    ...(taints === "" ? [] : [`--register-with-taints=${taints}`]),
  ];
}

const scriptPart = { type: "text/x-shellscript", content: `${placeholder}\n` };

function mimeParts(parts: { type: string; content: string }[]): string {
  return [
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="BOUNDARY"',
    "",
    ...parts.flatMap(({ type, content }) => ["--BOUNDARY", `Content-Type: ${type}`, "", content]),
    "--BOUNDARY--",
    "",
  ].join("\n");
}

function yaml(value: object): string {
  return stringify(value, { lineWidth: 0 });
}
