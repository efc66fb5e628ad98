import { Option } from "commander";

import { readStackSettings } from "../automation/stack/stackConfig.js";
import { messageOf } from "../migration/text/text.js";
import { parseSettings } from "../migration/settings/parse.js";
import type { Settings } from "../migration/settings/schema.js";
import { stages, type Stage } from "../migration/stages.js";
import type { CommonOptions, Terminal } from "./command.js";

/** @param does what the command does for the stage, such as `judge` */
export function stageOption(does: string): Option {
  return new Option("--stage <stage>", `${does} for this stage instead of the stack's own`).choices(
    [...stages],
  );
}

/**
 * The stack's settings, checked.
 *
 * @param stage judge the cluster for this stage instead of the stack's own
 * @throws SettingsError, or Error where the stack cannot be read
 */
export async function settingsOfStack(
  { stack, cwd, stage }: CommonOptions & { stage?: Stage },
  { progress }: Terminal,
): Promise<Settings> {
  const raw = await progress.run(`settings of stack ${stack}`, () => read(stack, cwd));
  return parseSettings(stage === undefined ? raw : { ...raw, stage });
}

async function read(stack: string, cwd: string): Promise<Record<string, unknown>> {
  try {
    return await readStackSettings(stack, cwd);
  } catch (error) {
    // The engine's own words, without what the SDK puts around them.
    const message = messageOf(error);
    const said = /stderr: ([^]*?)(\n err\?:|$)/.exec(message)?.[1]?.trim();
    throw new Error(
      `The settings of stack ${stack} could not be read by pulumi in ${cwd}: ${said ?? message}`,
      { cause: error },
    );
  }
}
