import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { serverNodes } from "../../situation/nodeSelection.js";
import { osFamily } from "../../facts/osImages.js";
import type { Settings } from "../../settings/schema.js";
import { blocksFrom, type Judgement } from "../judgement.js";

/**
 * Whether the masters keep CA certificates where kiam.caHostPath says. An image that is not known,
 * or a directory of somebody's own, is not judged: the gate behind the server is.
 */
export function auditCaPath(settings: Settings, facts: Pick<ClusterFacts, "nodes">): Judgement[] {
  const path = settings.kiam.caHostPath.replace(/(?<=.)\/+$/, "");
  return serverNodes(settings, facts.nodes).flatMap(({ name, osImage }): Judgement[] => {
    const family = osFamily(osImage);
    if (family === undefined || !family.useless.includes(path)) return [];
    return [
      {
        code: "ca-path-wrong",
        severity: blocksFrom("server", settings),
        object: `node/${name}`,
        seen: `it runs ${osImage}, which has no CA certificates in ${path} (kiam.caHostPath)`,
        fix: `set kiam.caHostPath to ${family.caPath}`,
      },
    ];
  });
}
