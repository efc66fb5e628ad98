import type { NewNodeRecipe } from "../../migration/plan/newNodeRecipes.js";
import { describeNewNodes, newNodesAdvice } from "../../migration/plan/newNodesNotice.js";
import type { Marks } from "../../migration/plan/nodeMarks.js";
import type { Settings } from "../../migration/settings/schema.js";
import { shownLine } from "../../migration/text/shown.js";

/** What `kiam-migrate new-nodes --json` prints. */
export interface NewNodesAnswer {
  stack: string;
  /** Of the agents' rule, and of the boot guard's. */
  interface: string;
  agentPort: number;
  /** The settings that it follows. */
  newNodes: Settings["newNodes"];
  /** What nodes register with. */
  marks: Marks;
  /** What goes into each kind of node group, the script in it. */
  nodeGroups: ({ kind: string } & NewNodeRecipe)[];
  /** Script for user data that writes kiam's rule at every boot. */
  bootGuard: { file: string; text: string };
  /** The files that were written; undefined without --directory. */
  written: string[] | undefined;
}

/** The answer for people: all of it, or the names of the files that hold it. */
export function newNodesAsText(answer: NewNodesAnswer): string {
  const { stack, newNodes, nodeGroups, bootGuard, written } = answer;
  if (written === undefined) {
    return [
      describeNewNodes(newNodes, bootGuard.text),
      "",
      `--- as files, with the script in them: kiam-migrate new-nodes --stack ${stack} --directory new-nodes`,
    ].join("\n");
  }
  const titles = [...nodeGroups.map(({ title }) => title), "the boot guard by itself"];
  return [
    ...newNodesAdvice(newNodes),
    "",
    "Written:",
    ...written.map((file, index) => `  ${shownLine(file)}: ${titles[index] ?? ""}`),
  ].join("\n");
}
