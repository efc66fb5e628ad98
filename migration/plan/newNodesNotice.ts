import type { Settings } from "../settings/schema.js";
import { reaches } from "../stages.js";
import { newNodeRecipes } from "./newNodeRecipes.js";
import { marksText } from "./nodeMarks.js";

/* What an operator is told about nodes that are to come. */

/**
 * Everything in one text: what nodes have to register with, the recipes, and the script they
 * refer to. The same settings give the same text.
 *
 * @param bootGuard shell script for user data that writes kiam's rule at every boot
 */
export function describeNewNodes(newNodes: Settings["newNodes"], bootGuard: string): string {
  return [
    ...newNodesAdvice(newNodes),
    ...Object.values(newNodeRecipes(newNodes)).map(
      ({ title, text }) => `--- ${title}\n\n${text.trimEnd()}`,
    ),
    `--- the boot guard, a script for user data (text/x-shellscript)\n\n${bootGuard.trimEnd()}`,
  ].join("\n\n");
}

/** What has to be known of all recipes. */
export function newNodesAdvice(newNodes: Settings["newNodes"]): string[] {
  return [
    `New workers get: ${marksText(newNodes)}.`,
    "Only for groups of workers: kiam's servers need the instance metadata of their own nodes.",
    "Take all of it out again before the stack goes back below stage cutover. See docs/new-nodes.md.",
  ];
}

/** For the stack's output: it is printed at the end of every update. */
export function newNodesSummary({ newNodes }: Pick<Settings, "newNodes">, stack: string): string {
  return `New workers get: ${marksText(newNodes)}. ${whatPrints(stack)}`;
}

/** One line for the operator, at the stages at which it matters; else undefined. */
export function newNodesNotice(
  { stage, newNodes }: Settings,
  stackName: string,
): string | undefined {
  const atCutover = reaches(stage, "cutover") && newNodes.keepKube2iamOff !== "none";
  if (!atCutover && !reaches(stage, "retire")) return undefined;
  return `New workers have to get: ${marksText(newNodes)}. ${whatPrints(stackName)}; docs/new-nodes.md explains it.`;
}

function whatPrints(stack: string): string {
  return `What goes into kops instance groups, EKS node groups, launch templates and Karpenter: kiam-migrate new-nodes --stack ${stack}`;
}
