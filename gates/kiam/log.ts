import { z } from "zod";

/** A line of kiam's log in JSON (--json-log). Secrets that it may hold are not looked at. */
const lineSchema = z.looseObject({
  level: z.string(),
  msg: z.string(),
  time: z.string().optional(),
});
export type KiamLogLine = z.output<typeof lineSchema>;

/** kiam's own lines, in order; what libraries write beside them (klog, gRPC) is left out. */
export function kiamLogLines(log: string): KiamLogLine[] {
  return log.split("\n").flatMap((line) => {
    if (!line.startsWith("{")) return [];
    try {
      return [lineSchema.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

/** The other lines that are not empty. */
export function foreignLines(log: string): string[] {
  return log.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("{"));
}

/** Whether a line reports an error. */
export function isError({ level }: KiamLogLine): boolean {
  return level === "error" || level === "fatal" || level === "panic";
}

/** A text member of a line; undefined where it is not text. */
export function textOf(line: KiamLogLine, member: string): string | undefined {
  const value = line[member];
  return typeof value === "string" ? value : undefined;
}
