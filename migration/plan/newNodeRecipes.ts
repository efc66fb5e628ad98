import { stringify } from "yaml";

import type { Settings } from "../settings/schema.js";
import { allTaints, hasMarks, labelText, marksOf, taintText, type Marks } from "./nodeMarks.js";

/*
 * What goes into the descriptions of node groups, so that nodes born during and after the
 * migration are kiam's from their first pod on. Field names as in
 *   kops        https://kops.sigs.k8s.io/instance_groups/ (v1alpha2)
 *   EKS         https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html,
 *               https://docs.aws.amazon.com/eks/latest/APIReference/API_Taint.html
 *   nodeadm     https://awslabs.github.io/amazon-eks-ami/nodeadm/ (node.eks.aws/v1alpha1)
 *   Karpenter   https://karpenter.sh/docs/concepts/nodepools/ (v1)
 */

/** How a recipe holds what its nodes run at boot. */
interface BootScript {
  text: string;
  /** User data as an API takes it. */
  encoded: (userData: string) => string;
  /** What is beside the encoded form, to be read. */
  beside: (userData: string) => string[];
}

/** Stands in every recipe where the boot guard's script goes, unless the recipe is to be a file. */
const placeholder: BootScript = {
  text: "<the script at the end>",
  encoded: () => "<base64 of the following>",
  beside: (userData) => [userData],
};

function inFull(script: string): BootScript {
  return {
    text: script.trimEnd(),
    encoded: (userData) => Buffer.from(userData).toString("base64"),
    beside: () => [],
  };
}

/** What goes into one kind of node group. */
export interface NewNodeRecipe {
  title: string;
  /** Name of the file that it can be written to. */
  file: string;
  text: string;
}

/**
 * What to paste for each way of making nodes.
 *
 * @param bootGuard script for user data that writes kiam's rule at every boot; a placeholder stands
 *   for it where it is not given
 */
export function newNodeRecipes(newNodes: Settings["newNodes"], bootGuard?: string) {
  const marks = marksOf(newNodes);
  const script = bootGuard === undefined ? placeholder : inFull(bootGuard);
  return {
    kops: {
      title: "kops, each InstanceGroup of workers (kops edit instancegroup NAME)",
      file: "kops-instance-group.yaml",
      text: kops(marks, script),
    },
    eksManaged: {
      title: "EKS managed node group, with a launch template that names no AMI",
      file: "eks-managed-node-group.yaml",
      text: eksManaged(marks, script),
    },
    eksNodeadm: {
      title: "EKS, user data of nodes on Amazon Linux 2023 that you write yourself",
      file: "eks-al2023-user-data.mime",
      text: eksNodeadm(marks, script),
    },
    eksBootstrap: {
      title: "EKS, user data of nodes on Amazon Linux 2 that you write yourself",
      file: "eks-al2-user-data.mime",
      text: eksBootstrap(marks, script),
    },
    launchTemplate: {
      title: "any other launch template",
      file: "launch-template.yaml",
      text: launchTemplate(marks, script),
    },
    karpenter: { title: "Karpenter", file: "karpenter.yaml", text: karpenter(marks, script) },
  } satisfies Record<string, NewNodeRecipe>;
}

/** The value itself, or undefined where it is empty, so that it is left out. */
function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** Pods behind a bridge are one hop away; agents, on the host's network, are none. */
const metadataOptions = { httpPutResponseHopLimit: 1, httpTokens: "required" };

function kops(marks: Marks, script: BootScript): string {
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
          content: script.text,
        },
      ],
    },
  });
}

function eksManaged(marks: Marks, script: BootScript): string {
  const userData = mimeParts([scriptPart(script)]);
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
    yaml({ MetadataOptions: launchTemplateMetadata, UserData: script.encoded(userData) }),
    ...script.beside(userData),
  ].join("\n");
}

const launchTemplateMetadata = { HttpTokens: "required", HttpPutResponseHopLimit: 1 };

function eksNodeadm(marks: Marks, script: BootScript): string {
  if (!hasMarks(marks)) return mimeParts([scriptPart(script)]);
  const nodeConfig = yaml({
    apiVersion: "node.eks.aws/v1alpha1",
    kind: "NodeConfig",
    spec: {
      cluster: "<as it is>",
      kubelet: { flags: kubeletFlags(marks) },
    },
  });
  return mimeParts([scriptPart(script), { type: "application/node.eks.aws", content: nodeConfig }]);
}

function eksBootstrap(marks: Marks, script: BootScript): string {
  const flags = kubeletFlags(marks).join(" ");
  const extra = flags === "" ? "" : ` --kubelet-extra-args '${flags}'`;
  return mimeParts([
    scriptPart(script),
    {
      type: "text/x-shellscript",
      content: `#!/bin/bash\n/etc/eks/bootstrap.sh <cluster>${extra}\n`,
    },
  ]);
}

function launchTemplate(marks: Marks, script: BootScript): string {
  const flags = kubeletFlags(marks);
  return [
    ...(flags.length === 0 ? [] : ["# kubelet's flags", ...flags.map((flag) => `#   ${flag}`), ""]),
    "# launch template data; the script has to run before the kubelet starts",
    yaml({ MetadataOptions: launchTemplateMetadata, UserData: script.encoded(`${script.text}\n`) }),
    ...script.beside(script.text),
  ].join("\n");
}

function karpenter(marks: Marks, script: BootScript): string {
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
    spec: { metadataOptions, userData: mimeParts([scriptPart(script)]) },
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

function scriptPart({ text }: BootScript) {
  return { type: "text/x-shellscript", content: `${text}\n` };
}

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
