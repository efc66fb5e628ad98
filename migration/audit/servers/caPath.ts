import { osFamily } from "../../facts/osImages.js";
import type { Situation } from "../../situation/situation.js";
import { blocksFrom, type Judgement } from "../judgement.js";

/**
 * Whether the masters keep CA certificates where kiam.caHostPath says. An image that is not known,
 * or a directory of the operator's own, is not judged: the gate behind the server finds out.
 */
export function auditCaPath({ settings, servers }: Situation): Judgement[] {
  const path = settings.kiam.caHostPath.replace(/(?<=.)\/+$/, "");
  return servers.flatMap(({ name, osImage }): Judgement[] => {
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
