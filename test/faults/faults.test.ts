import { parseShard } from "../support/shard.js";
import { testFaults } from "./fault.js";
import { shardVariable } from "./session.js";

import "./beforeTheAgents.js";
import "./duringTheCutover.js";
import "./lostNodes.js";
import "./nodes.js";
import "./afterTheCutover.js";
import "./interruptions.js";
import "./waysBack.js";

describe("faults", () => testFaults(parseShard(process.env[shardVariable] ?? "1/1")));
