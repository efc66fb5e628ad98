import pMap from "p-map";

import { metadataService } from "../../worker/probe/verdict.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import type { Asked } from "../../migration/status/workerStatus.js";
import { apiMessage } from "../../cluster/kubernetes/api.js";
import { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Probe } from "../protocol/inputs.js";
import { askWho } from "./runProbe.js";

/** Workers that are asked at the same time: each takes a pod. */
const concurrency = 5;

/** Seconds for one question. */
const askSeconds = 10;

/**
 * Who answers at 169.254.169.254 on each worker, asked by a pod there that goes again. Where that
 * cannot be, the answer says why.
 */
export async function whoServes(
  target: Target,
  workers: readonly Worker[],
  probe: Probe,
  progress: (done: number) => void,
): Promise<Asked> {
  const cluster = await Cluster.connect(target.kubernetes);
  let done = 0;
  const answers = await pMap(
    workers,
    async (worker): Promise<[string, Asked[string]]> => {
      const where = { address: metadataService, seconds: askSeconds };
      const answer = await askWho(cluster, { worker, probe, ...where }).catch((error: unknown) => ({
        who: undefined,
        answers: `it could not be asked: ${apiMessage(error).split("\n", 1)[0]}`,
      }));
      progress(++done);
      return [worker.name, { who: answer.who ?? "unclear", answers: answer.answers }];
    },
    { concurrency },
  );
  return Object.fromEntries(answers);
}
