/**
 * Programs of this process whose failure or whose engine the SDK could lose sight of. The engine
 * would then take what was declared so far for all there is and delete the rest.
 */
import { strict as assert } from "node:assert";
import { once } from "node:events";
import { connect, createServer } from "node:net";

import { Client, connectivityState, credentials, status, type ServiceError } from "@grpc/grpc-js";
import * as pulumi from "@pulumi/pulumi";

import { engineConnectionOptions } from "../../automation/update/wholeProgram.js";
import { freePort } from "../support/freePort.js";
import { createStack, requireEngine, type TestStack } from "./engine.js";
import { limit } from "./limit.js";

class Part extends pulumi.ComponentResource {
  constructor(name: string) {
    super("test:index:Part", name);
    this.registerOutputs();
  }
}

interface RunCall {
  request: { getArgsList(): string[]; setArgsList(list: string[]): void };
}
type Run = (call: RunCall, callback: unknown) => Promise<void>;

/** What answers the engine's request to run a program; the SDK has no types for it. */
async function languageServer(): Promise<{ run: Run }> {
  const module = (await import("@pulumi/pulumi/automation/server.js")) as unknown as {
    LanguageServer: { prototype: { run: Run } };
  };
  return module.LanguageServer.prototype;
}

describe("the engine and a program of this process", function () {
  this.timeout(limit);
  let test: TestStack;
  const declare = () => {
    for (const name of ["one", "two"]) new Part(name);
    return Promise.resolve();
  };

  before(async function () {
    test = await createStack(requireEngine(this));
    test.program(declare);
    await test.stack.up();
  });

  after(async () => {
    if (test) await test.dispose();
  });

  it("meet also where a port is the engine's that was a dead engine's", async () => {
    const server = await languageServer();
    const { run } = server;
    const leftOpen: { close(): void }[] = [];
    server.run = async function (call, callback) {
      const [engine = "", ...others] = call.request.getArgsList();
      const port = await freePort();
      // As a program whose engine was killed: it asks once more, and never hangs up.
      const orphan = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
        ...engineConnectionOptions,
      });
      leftOpen.push(orphan);
      await tryInVain(orphan);
      const proxy = createServer((socket) => {
        const [host, at] = engine.split(":");
        const onward = connect(Number(at), host);
        for (const end of [socket, onward]) end.on("error", () => undefined);
        socket.pipe(onward).pipe(socket);
      }).listen(port, "127.0.0.1");
      leftOpen.push(proxy);
      await once(proxy, "listening");
      call.request.setArgsList([`127.0.0.1:${port}`, ...others]);
      return run.call(this, call, callback);
    };
    try {
      const { changeSummary } = await test.stack.preview();
      assert.deepEqual(changeSummary, { same: 3 });
    } finally {
      server.run = run;
      for (const each of leftOpen) each.close();
    }
  });

  it("both know of a failure with a number that the SDK takes for a closed connection", async () => {
    const exitStatus = Object.assign(new Error("kubectl failed"), { code: 1 });
    assert.equal(exitStatus.code, status.CANCELLED);
    test.program(() => Promise.reject(exitStatus));
    await assert.rejects(test.stack.up(), /kubectl failed/);
    assert.deepEqual(Object.keys(await test.resources()).sort(), ["one", "test-unit", "two"]);
  });
});

/** Has the client try in vain; it waits a second or so before it tries again. */
async function tryInVain(client: Client): Promise<void> {
  const same = (bytes: Buffer) => bytes;
  const error = await new Promise<ServiceError | null>((resolve) =>
    client.makeUnaryRequest("/none/None", same, same, Buffer.from(""), resolve),
  );
  assert.equal(error?.code, status.UNAVAILABLE);
  const state = client.getChannel().getConnectivityState(false);
  assert.equal(state, connectivityState.TRANSIENT_FAILURE);
}
