/** worker/look/look.sh on a real kernel, by every shell that it has to run on. */
import assert from "node:assert/strict";

import { execa } from "execa";

import { lookCommand, lookScript, parseLookAnswer } from "../../../worker/look/script.js";
import { shells, TestWorker, worker } from "../worker.js";

describe("look script", () => {
  const node = TestWorker.forSuite("lookscript", "ss", "dash", "bash", "busybox", "timeout");

  const refusing = `${worker.hostIp}:9`;
  const unreachable = "203.0.113.1:443";

  async function look(shell: readonly string[]) {
    const command = [...shell, ...lookCommand([refusing, unreachable]).split(" ").slice(1)];
    const { stdout } = await execa("nsenter", node.onWorker(command), { input: lookScript() });
    return parseLookAnswer(stdout);
  }

  for (const shell of shells) {
    it(`sees interfaces, listeners and servers, run by ${shell.join(" ")}`, async () => {
      const seen = await look(shell);
      assert.deepEqual([...seen.interfaces].sort(), ["cni0", "lo"]);
      const kube2iam = seen.listening.find(({ port }) => port === worker.kube2iamPort);
      assert.match(kube2iam?.program ?? "", /^(node|MainThread)$/);
      assert.deepEqual(seen.blocked, [unreachable]);
    });
  }

  it("sees the same listeners where ss is not there", async () => {
    const ports = async () =>
      (await look(["dash"])).listening.map(({ port }) => port).sort((a, b) => a - b);
    const usual = await ports();
    await node.instead(["ss"], node.tool("ss", "exit 127"), async () => {
      assert.deepEqual(await ports(), usual);
      assert.ok((await look(["dash"])).listening.every(({ program }) => program === undefined));
    });
  });

  it("takes only a whole answer of its own for one", () => {
    assert.deepEqual(parseLookAnswer("interface lo\nlisten 22 tmux: server\nend\n"), {
      interfaces: ["lo"],
      listening: [{ port: 22, program: "tmux: server" }],
      blocked: [],
    });
    assert.throws(() => parseLookAnswer("interface lo\n"), /no end/);
    assert.throws(() => parseLookAnswer("Welcome!\ninterface lo\nend\n"), /Welcome!/);
    assert.throws(() => lookCommand(["$(reboot):443"]), /no address/);
  });
});
