import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { isMap, isScalar, parseDocument, type Document } from "yaml";

import { ifThere } from "./fileBackend.js";
import { projectName, settingsOf } from "./stackConfig.js";

/**
 * Where a stack's configuration is kept, and the name of the project, as Pulumi finds them:
 * stackConfigDir of Pulumi.yaml counts.
 *
 * @param stackName with or without organization and project
 */
async function locate(
  workDir: string,
  stackName: string,
): Promise<{ project: string; file: string }> {
  const project = parseDocument(await readFile(join(workDir, "Pulumi.yaml"), "utf8"));
  const directory = project.get("stackConfigDir");
  const name = stackName.slice(stackName.lastIndexOf("/") + 1);
  return {
    project: String(project.get("name")),
    file: join(workDir, typeof directory === "string" ? directory : "", `Pulumi.${name}.yaml`),
  };
}

/** @returns what puts a stack's file back as it is now */
export async function keepStackFile(
  workDir: string,
  stackName: string,
): Promise<() => Promise<void>> {
  const { file } = await locate(workDir, stackName);
  const before = await ifThere(readFile(file, "utf8"));
  return () => (before === undefined ? rm(file, { force: true }) : writeFile(file, before));
}

/**
 * Sets what a stack's configuration sets of its project, all of it: what is there and not among these
 * goes. Everything else in the file stays.
 *
 * @param sections by setting; no secrets
 */
export async function writeSections(
  workDir: string,
  stackName: string,
  sections: Record<string, unknown>,
): Promise<void> {
  const { project, file } = await locate(workDir, stackName);
  const document = parseDocument((await ifThere(readFile(file, "utf8"))) ?? "");
  setSections(document, project, sections);
  // Pulumi reads YAML of another version, in which some plain words are no text, such as dates.
  const quoted = { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" } as const;
  await writeFile(file, document.toString({ lineWidth: 0, ...quoted }));
}

export function setSections(
  document: Document,
  project: string,
  sections: Record<string, unknown>,
): void {
  if (!isMap(document.get("config"))) document.set("config", document.createNode({}));
  const config = document.toJS() as { config: Record<string, unknown> };
  for (const setting of Object.keys(settingsOf(project, config.config))) {
    if (!(setting in sections)) document.deleteIn(["config", `${project}:${setting}`]);
  }
  for (const [section, value] of Object.entries(sections)) {
    document.setIn(["config", `${project}:${section}`], document.createNode(value));
  }
}

/**
 * Sets some of what a stack's configuration sets of its project; everything else in the file stays,
 * comments included.
 *
 * @param sections by setting; objects set what they name, and nothing beside it; no secrets
 */
export async function changeSections(
  workDir: string,
  stackName: string,
  sections: Record<string, unknown>,
): Promise<void> {
  const { project, file } = await locate(workDir, stackName);
  const document = parseDocument((await ifThere(readFile(file, "utf8"))) ?? "");
  setSome(document, project, sections);
  await writeFile(file, document.toString({ lineWidth: 0 }));
}

export function setSome(
  document: Document,
  project: string,
  sections: Record<string, unknown>,
): void {
  if (!isMap(document.get("config"))) document.set("config", document.createNode({}));
  for (const [section, value] of Object.entries(sections)) {
    const key = `${project}:${section}`;
    withoutJson(document, key);
    setWithin(document, ["config", key], value);
  }
}

function setWithin(document: Document, path: readonly string[], value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    document.setIn(path, document.createNode(value));
    return;
  }
  if (!isMap(document.getIn(path))) document.setIn(path, document.createNode({}));
  for (const [key, inner] of Object.entries(value)) setWithin(document, [...path, key], inner);
}

/** Makes an object of a section that was given as JSON, as by `pulumi config set`. */
function withoutJson(document: Document, key: string): void {
  const section = document.getIn(["config", key], true);
  if (!isScalar(section) || !/^\s*\{/.test(String(section.value))) return;
  const value: unknown = JSON.parse(String(section.value));
  document.setIn(["config", key], document.createNode(value));
}

/**
 * Sets the stage in a stack's configuration, and nothing else there: comments, order and form stay.
 *
 * @returns what puts the file back as it was, unless something else has changed it since
 */
export async function writeStage(
  workDir: string,
  stackName: string,
  stage: string,
): Promise<() => Promise<void>> {
  const { project, file } = await locate(workDir, stackName);
  const before = await ifThere(readFile(file, "utf8"));
  const after = withStage(before ?? "", `${project}:stage`, stage);
  if (after === before) return () => Promise.resolve();
  await writeFile(file, after);
  return async () => {
    if ((await ifThere(readFile(file, "utf8"))) !== after) return;
    await (before === undefined ? rm(file) : writeFile(file, before));
  };
}

/**
 * The text of a stack's file with another stage, all else character by character as it was.
 *
 * @param key such as `kube2iam-to-kiam:stage`
 */
export function withStage(text: string, key: string, stage: string): string {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new Error(`The stack's file is no YAML, so its stage was not set: ${problem.message}`);
  }
  const value: unknown = document.getIn(["config", key], true);
  if (isScalar(value) && value.range) {
    const [from, to] = value.range;
    // Where no value stands behind the colon, there is no space either.
    const written = from === to ? ` ${stage}` : stage;
    return value.value === stage ? text : text.slice(0, from) + written + text.slice(to);
  }
  const config: unknown = document.get("config");
  const first = isMap(config) && !config.flow ? config.items[0]?.key : undefined;
  if (isScalar(first) && first.range) {
    const place = text.lastIndexOf("\n", first.range[0] - 1) + 1;
    const indent = text.slice(place, first.range[0]);
    return `${text.slice(0, place)}${indent}${key}: ${stage}\n${text.slice(place)}`;
  }
  if (isMap(config)) config.set(key, stage);
  else document.set("config", document.createNode({ [key]: stage }));
  return document.toString({ lineWidth: 0 });
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
  const { file } = await locate(workDir, stackName);
  const document = parseDocument(await readFile(file, "utf8"));
  setPermitted(document, permitted);
  await writeFile(file, document.toString({ lineWidth: 0 }));
  return file;
}

/** @throws Error where the configuration does not hold an object there */
export function setPermitted(document: Document, permitted: Record<string, string>): void {
  const key = `${projectName}:namespaces`;
  withoutJson(document, key);
  const section = document.getIn(["config", key], true);
  if (section !== undefined && !isMap(section)) {
    throw new Error(`${key} is not an object in the stack's configuration`);
  }
  for (const [namespace, expression] of Object.entries(permitted)) {
    document.setIn(["config", key, namespace, "permitted"], expression);
  }
}
