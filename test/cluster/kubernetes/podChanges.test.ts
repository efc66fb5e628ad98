import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { KubeConfig } from "@kubernetes/client-node";

import { PodChanges } from "../../../cluster/kubernetes/podChanges.js";
import { Deadline, waitFor } from "../../../cluster/wait.js";

/*
 * A pod that is watched, against a server that answers as an API server does. That the real one
 * does is seen on the embedded cluster.
 */

describe("changes of a pod", () => {
  let server: Server;
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  async function changes(answer: RequestListener): Promise<PodChanges> {
    server = createServer(answer).listen(0, "127.0.0.1");
    await once(server, "listening");
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [
        {
          name: "test",
          server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          skipTLSVerify: true,
        },
      ],
      users: [{ name: "test" }],
      contexts: [{ name: "test", cluster: "test", user: "test" }],
      currentContext: "test",
    });
    return PodChanges.of(config, { namespace: "kiam", name: "probe" });
  }

  const event = `${JSON.stringify({ type: "MODIFIED", object: { kind: "Pod" } })}\n`;

  /** Looks until something was seen `times` times. @returns how often it looked */
  async function looks(pause: PodChanges, times: number, act: (look: number) => void) {
    let look = 0;
    await waitFor(
      Deadline.after(20),
      () => {
        look++;
        act(look);
        return Promise.resolve(look > times ? { done: true } : { pending: false });
      },
      pause,
    );
    pause.stop();
    return look;
  }

  it("are waited for one by one, of that pod alone", async () => {
    let stream: ServerResponse | undefined;
    let asked: string | undefined;
    const pause = await changes((request, response) => {
      asked = request.url;
      stream = response;
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    });
    const began = Date.now();
    await looks(pause, 3, () => void stream?.write(event));
    assert.ok(Date.now() - began < 2000, "by the clock alone it would take six seconds");
    assert.match(asked ?? "", /^\/api\/v1\/namespaces\/kiam\/pods\?.*metadata\.name%3Dprobe/);
  });

  it("that came while nobody waited are not missed", async () => {
    const pause = await changes((_, response) => {
      response.writeHead(200, { "content-type": "application/json" }).write(event);
    });
    const waited = pause.next();
    await waited;
    pause.stop();
  });

  for (const [what, answer] of [
    ["may not be had", (_, response) => void response.writeHead(403).end("{}")],
    ["is never answered", () => {}],
    ["comes to an end", (_, response) => void response.writeHead(200).end()],
  ] satisfies [string, RequestListener][]) {
    it(`are looked for by the clock where the watch ${what}`, async () => {
      const pause = await changes(answer);
      const began = Date.now();
      assert.equal(await looks(pause, 3, () => {}), 4);
      assert.ok(Date.now() - began < 5000, "as if it were watched it would take six seconds");
    });
  }
});
