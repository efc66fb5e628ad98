/** A difference in the engine's protocol. */
import * as pb from "@pulumi/pulumi/proto/provider_pb.js";

import type { ChangeKind } from "./diff.js";
import type { DiffResult } from "./provider.js";

const { Kind } = pb.PropertyDiff;
const IN_PLACE = { add: Kind.ADD, delete: Kind.DELETE, update: Kind.UPDATE } as const;
const REPLACING = {
  add: Kind.ADD_REPLACE,
  delete: Kind.DELETE_REPLACE,
  update: Kind.UPDATE_REPLACE,
} as const satisfies Record<ChangeKind, pb.PropertyDiff.Kind>;

export function diffResponse(result: DiffResult): pb.DiffResponse {
  const response = new pb.DiffResponse().setHasdetaileddiff(true);
  const { DIFF_NONE, DIFF_SOME } = pb.DiffResponse.DiffChanges;
  response.setChanges(result.changes.length > 0 ? DIFF_SOME : DIFF_NONE);
  for (const change of result.changes) {
    const replaces = result.replaces(change);
    const kind = (replaces ? REPLACING : IN_PLACE)[change.kind];
    response
      .getDetaileddiffMap()
      .set(change.path, new pb.PropertyDiff().setKind(kind).setInputdiff(true));
    response.addDiffs(String(change.steps[0]));
    if (replaces) {
      response.addReplaces(change.path);
    }
  }
  return response.setDeletebeforereplace(
    result.deleteBeforeReplace && response.getReplacesList().length > 0,
  );
}
