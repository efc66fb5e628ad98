import type { z } from "zod";

import { count } from "../text/text.js";
import { examplesLeft } from "./examples.js";
import { secretSettings, settingsSchema, type Settings } from "./schema.js";
import { problemsTogether, type SettingsProblem } from "./together.js";

/** Every problem in the settings, in one error. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly SettingsProblem[]) {
    const lines = problems.map(({ property, value, rule }) => {
      const shown = value === undefined ? "" : ` (is ${JSON.stringify(value)})`;
      return `  - ${property}${shown}: ${rule}`;
    });
    super(
      `The settings have ${count(problems.length, "problem")}; nothing was touched:\n${lines.join("\n")}`,
    );
    this.name = "SettingsError";
  }
}

/**
 * Settings from what the stack's configuration holds, defaults filled in.
 *
 * @throws SettingsError naming every problem at once.
 */
export function parseSettings(raw: unknown): Settings {
  const result = settingsSchema.safeParse(raw);
  const valid = validSections(raw);
  const together = [...problemsTogether(valid), ...examplesLeft(valid)];
  if (result.success && together.length === 0) return result.data;
  throw new SettingsError([...problemsOf(result.error?.issues ?? [], raw), ...together]);
}

/** The sections that are right by themselves: what they mean together can be judged already. */
function validSections(raw: unknown): Partial<Settings> {
  return Object.fromEntries(
    Object.entries(settingsSchema.shape).flatMap(([section, schema]) => {
      const result = schema.safeParse(valueAt(raw, [section]));
      return result.success ? [[section, result.data]] : [];
    }),
  );
}

function problemsOf(issues: readonly z.core.$ZodIssue[], raw: unknown): SettingsProblem[] {
  return issues.flatMap((issue) => {
    const paths =
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => [...issue.path, key])
        : [issue.path];
    return paths.map((path) => {
      const property = path.map(String).join(".") || "settings";
      const value = secretSettings.test(property) ? undefined : valueAt(raw, path);
      return {
        property,
        value: typeof value === "object" ? undefined : value,
        rule: ruleOf(issue, value),
      };
    });
  });
}

function ruleOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === "unrecognized_keys")
    return "is not a setting; see Pulumi.yaml for those there are";
  // What is wrong with the key itself, instead of that something is.
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? issue.message;
  if (issue.code === "invalid_type" && value === undefined) return "is required";
  return issue.message;
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    raw,
  );
}
