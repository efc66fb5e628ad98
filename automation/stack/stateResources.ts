import type { Deployment } from "@pulumi/pulumi/automation";
import { z } from "zod";

import type { StateResource } from "../../migration/status/stackState.js";
import { partsOfUrn } from "./urn.js";

/** A secret input is an object, and stays one: nothing here needs it. */
const text = z.string().optional().catch(undefined);

const stateSchema = z.object({
  resources: z
    .array(
      z.object({
        urn: z.string(),
        modified: text,
        /** Whether it was replaced, and is still to be deleted. */
        delete: z.boolean().optional(),
        inputs: z.object({ stdin: text, create: text }).optional().catch(undefined),
      }),
    )
    .nullish(),
});

/** What a stack's state tells of how far it is; nothing where it was never updated. */
export function stateResources({ deployment }: Deployment): StateResource[] {
  const { resources } = stateSchema.parse(deployment ?? {});
  return (resources ?? [])
    .filter((resource) => resource.delete !== true)
    .map(({ urn, modified, inputs }) => ({
      ...partsOfUrn(urn),
      modified,
      stdin: inputs?.stdin,
      create: inputs?.create,
    }));
}

/** The URNs of resources that were replaced, and are still to be deleted. */
export function replacedResources({ deployment }: Deployment): ReadonlySet<string> {
  const { resources } = stateSchema.parse(deployment ?? {});
  const replaced = (resources ?? []).filter((resource) => resource.delete === true);
  return new Set(replaced.map(({ urn }) => urn));
}
