import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { isMap, isScalar, parseDocument, type Document } from "yaml";

import { projectName } from "./projectName.js";

/** Where a stack's configuration is kept, as Pulumi finds it: stackConfigDir of Pulumi.yaml counts. */
export async function stackFile(workDir: string, stackName: string): Promise<string> {
  const project = parseDocument(await readFile(join(workDir, "Pulumi.yaml"), "utf8"));
  const directory = project.get("stackConfigDir");
  return join(workDir, typeof directory === "string" ? directory : "", `Pulumi.${stackName}.yaml`);
}

/**
 * Sets namespaces.<name>.permitted in a stack's configuration; everything else in the file stays,
 * comments included.
 *
 * @param permitted by namespace
 * @returns the file that was written
 */
export async function writePermitted(
  workDir: string,
  stackName: string,
  permitted: Record<string, string>,
): Promise<string> {
  const file = await stackFile(workDir, stackName);
  const document = parseDocument(await readFile(file, "utf8"));
  setPermitted(document, permitted);
  await writeFile(file, document.toString({ lineWidth: 0 }));
  return file;
}

/** @throws Error where the configuration does not hold an object there */
export function setPermitted(document: Document, permitted: Record<string, string>): void {
  const key = `${projectName}:namespaces`;
  const section = document.getIn(["config", key], true);
  if (isScalar(section)) {
    // As `pulumi config set` writes an object that was given as JSON.
    const value: unknown = JSON.parse(String(section.value));
    document.setIn(["config", key], document.createNode(value));
  } else if (section !== undefined && !isMap(section)) {
    throw new Error(`${key} is not an object in the stack's configuration`);
  }
  for (const [namespace, expression] of Object.entries(permitted)) {
    document.setIn(["config", key, namespace, "permitted"], expression);
  }
}
