import type { Settings } from "../settings/schema.js";
import { reaches, type Stage } from "../stages.js";
import type { Severity } from "./entry.js";

/** Blocks once the settings reach the stage at which it does harm; before, it warns in good time. */
export function blocksFrom(stage: Stage, settings: Pick<Settings, "stage">): Severity {
  return reaches(settings.stage, stage) ? "blocks" : "warns";
}
