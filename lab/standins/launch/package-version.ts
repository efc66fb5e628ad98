/** The version of an installed SDK package, which is the version that its plugin reports. */
import { readFileSync } from "node:fs";
import path from "node:path";

/** @throws where the package is not installed. */
export function packageVersion(name: string): string {
  const file = path.join(__dirname, "../../../node_modules", name, "package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
