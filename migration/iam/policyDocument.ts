import { z } from "zod";

import type { PolicyDocument } from "./assumeRole.js";
import { shownJson } from "../text/shown.js";

/*
 * Policies of roles as IAM has them. Everyone who may change a role chooses what they say, so they
 * are read by a type; all that is not judged here stays as it is, since a trust policy is written back.
 */

const texts = z.union([z.string(), z.array(z.string())]);

const statementSchema = z.object({
  Sid: z.string().optional(),
  Effect: z.enum(["Allow", "Deny"]),
  Principal: z.union([z.literal("*"), z.record(z.string(), texts)]).optional(),
  Action: texts.optional(),
  NotAction: texts.optional(),
  Resource: texts.optional(),
  NotResource: texts.optional(),
  Condition: z.record(z.string(), z.unknown()).optional(),
});

const documentSchema = z.object({
  Statement: z.union([statementSchema, z.array(statementSchema)]),
});

/**
 * A policy document, which IAM hands over URL-encoded.
 *
 * @param what it is, in words
 * @throws Error where it is none, or of a form that is not understood here
 */
export function parsePolicy<Document extends PolicyDocument = PolicyDocument>(
  what: string,
  text = "",
): Document {
  const document = decoded(text);
  if (!documentSchema.safeParse(document).success) {
    throw new Error(
      `${what} is of a form that is not understood here: it begins with ${shownJson(text.slice(0, 100))}`,
    );
  }
  return document as Document;
}

function decoded(text: string): unknown {
  try {
    return JSON.parse(decodeURIComponent(text));
  } catch {
    return undefined;
  }
}
