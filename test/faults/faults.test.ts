import { wholeTier, parseShard } from "../support/shard.js";
import { testFaults } from "./fault.js";

import "./beforeTheAgents.js";
import "./duringTheCutover.js";
import "./nodes.js";
import "./afterTheCutover.js";
import "./interruptions.js";
import "./waysBack.js";

/** Environment variable by which run.ts says which part of the faults is to be made: `1/2`. */
const shard = process.env.KIAM_FAULTS_SHARD;

describe("faults", () => testFaults(shard === undefined ? wholeTier : parseShard(shard)));
