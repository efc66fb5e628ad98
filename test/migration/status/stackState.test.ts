import assert from "node:assert/strict";

import { stageOfState, type StateResource } from "../../../migration/status/stackState.js";
import { gateInState, inState } from "../../support/stateResource.js";

/* Pure: what a state tells of stages. That an update leaves such a state is for test/embedded. */

const { record, server, anchor, account, live, retirement } = inState;
const agent = [record, server, anchor("w1"), anchor("w2")];

describe("how far a stack is by its state", () => {
  for (const [what, resources, reached, begun] of [
    ["nothing was declared", [], undefined, undefined],
    [
      "only components are there",
      [gateInState("kiam", [], { type: "kube2iam-to-kiam:index:KiamFoundation" })],
      undefined,
      undefined,
    ],
    ["prepare was cut off", [gateInState("iam-server", ["IamRoles"])], undefined, "prepare"],
    ["prepare is whole", [record], "prepare", "prepare"],
    [
      "the server is not verified",
      [record, gateInState("kiam-server", ["KiamServer"])],
      "prepare",
      "server",
    ],
    ["the server is verified", [record, server], "server", "server"],
    ["nodes are not accounted for", agent, "server", "agent"],
    ["all agents are proven", [...agent, account([])], "agent", "agent"],
    ["one worker of two is moved", [...agent, account([]), live("w1")], "agent", "cutover"],
    [
      "both are moved",
      [...agent, account(["w1", "w2"]), live("w1"), live("w2")],
      "cutover",
      "cutover",
    ],
    ["no worker has to move", [record, server, account([])], "agent", "agent"],
    [
      "no worker has to move, and kube2iam is kept off new nodes",
      [record, server, account([]), gateInState("new-nodes", ["NewNodes"])],
      "agent",
      "cutover",
    ],
    [
      "one went back, the account is of before",
      [...agent, account(["w1", "w2"]), live("w1")],
      "agent",
      "cutover",
    ],
    [
      "both went back, the account is of before",
      [...agent, account(["w1", "w2"])],
      "agent",
      "agent",
    ],
    [
      "a moved worker has left the cluster",
      [record, server, anchor("w1"), account(["w1", "gone"]), live("w1")],
      "cutover",
      "cutover",
    ],
    [
      "the retirement was cut off",
      [...agent, account(["w1"]), live("w1"), gateInState("x", ["Kube2iamRetirement"])],
      "cutover",
      "retire",
    ],
    [
      "kube2iam is retired",
      [...agent, account(["w1"]), live("w1"), retirement],
      "retire",
      "retire",
    ],
  ] as [string, StateResource[], string | undefined, string | undefined][]) {
    it(`is ${reached ?? "nowhere"}, with ${begun ?? "nothing"} begun, where ${what}`, () =>
      assert.deepEqual(stageOfState(resources), { reached, begun }));
  }

  it("takes an account of another form for one of no moved worker", () => {
    const odd = gateInState("every-node-accounted", ["EveryNode"], { stdin: "garbage" });
    assert.equal(stageOfState([...agent, odd, live("w1")]).reached, "agent");
  });
});
