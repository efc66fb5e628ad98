import { readStackSettings } from "../automation/readStackSettings.js";
import { parseSettings } from "../migration/parseSettings.js";
import type { Settings } from "../migration/settings.js";
import type { Stage } from "../migration/stages.js";
import type { CommonOptions, Terminal } from "./command.js";

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
  const raw = await progress.run(`settings of stack ${stack}`, () =>
    readStackSettings(stack, { workDir: cwd }),
  );
  return parseSettings(stage === undefined ? raw : { ...raw, stage });
}
