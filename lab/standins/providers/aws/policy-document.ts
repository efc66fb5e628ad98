/** IAM policy documents: when two of them mean the same. */
import { isJsonMap, shown, type Json, type JsonMap } from "../plugin/values.js";

const LISTS = ["Action", "NotAction", "Resource", "NotResource"];
const PRINCIPALS = ["Principal", "NotPrincipal"];

/** True where both documents grant the same, however they are written. */
export function samePolicy(a: string, b: string): boolean {
  return a === b || canonical(a) === canonical(b);
}

/**
 * One form for all ways of writing a document: AWS takes a single value for a list of one, lists in
 * any order, and an account id for the ARN of its root. Text that is no JSON stands for itself.
 */
function canonical(document: string): string {
  let parsed: Json;
  try {
    parsed = JSON.parse(document) as Json;
  } catch {
    return document;
  }
  if (!isJsonMap(parsed)) {
    return document;
  }
  const statements = list(parsed.Statement).filter(isJsonMap).map(statement);
  return ordered({ ...parsed, Statement: statements.map(ordered).sort() });
}

function statement(given: JsonMap): JsonMap {
  const result: JsonMap = { Effect: "Allow", ...given };
  for (const key of LISTS) {
    if (result[key] !== undefined) {
      result[key] = sorted(result[key]);
    }
  }
  for (const key of PRINCIPALS) {
    if (result[key] !== undefined) {
      result[key] = principals(result[key]);
    }
  }
  if (isJsonMap(result.Condition)) {
    result.Condition = mapValues(result.Condition, (test) =>
      isJsonMap(test) ? mapValues(test, sorted) : test,
    );
  }
  return result;
}

function principals(given: Json): Json {
  if (!isJsonMap(given)) {
    return given === "*" ? { AWS: ["*"] } : given;
  }
  const account = /^(?:arn:(aws[\w-]*):iam::)?(\d{12})(?::root)?$/;
  return mapValues(given, (value) =>
    sorted(list(value).map((one) => shown(one).replace(account, "arn:aws:iam::$2:root"))),
  );
}

function list(value: Json | undefined): Json[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

function sorted(value: Json): Json {
  return list(value).map(shown).sort();
}

function mapValues(map: JsonMap, change: (value: Json) => Json): JsonMap {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [key, change(value ?? null)]),
  );
}

/** JSON with sorted keys at every level. */
function ordered(value: Json): string {
  return JSON.stringify(value, (_key, inner: Json) =>
    isJsonMap(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
