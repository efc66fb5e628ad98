import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { readClusterFacts } from "../../../cluster/facts/readCluster.js";
import { kubeConfig } from "../../../cluster/kubernetes/kubeConfig.js";
import { reaching } from "../../../cluster/kubernetes/reaching.js";
import { issueCertificates } from "../../../gates/kiam/issueCertificates.js";
import { ContactError, type Contact } from "../../../migration/contact/contact.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { exampleSettings } from "../../support/exampleCluster.js";
import { freePort } from "../../support/freePort.js";

/*
 * Real files, sockets and TLS: which case of migration/contact/ comes of what goes wrong between the
 * kubeconfig and the API server. What a real API server answers to rights that are missing is for
 * test/engine/firstContact.test.ts.
 */

interface Kubeconfig {
  server?: string;
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  current?: string;
}

describe("reaching the cluster", () => {
  let directory: string;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const environment = { KUBECONFIG: process.env.KUBECONFIG, HOME: process.env.HOME };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "kiam-contact-"));
  });

  beforeEach(() => {
    process.env.KUBECONFIG = join(directory, "kubeconfig");
    process.env.HOME = directory;
  });

  afterEach(() => {
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  after(async () => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
    await rm(directory, { recursive: true });
  });

  /** @returns its port */
  async function listen(server: Server): Promise<number> {
    servers.push(server);
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** An API server that answers everything with one status. */
  function answering(status: number, message: string): Promise<number> {
    const body = { kind: "Status", apiVersion: "v1", status: "Failure", code: status, message };
    return listen(
      createHttpServer((_request, response) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      }),
    );
  }

  async function write({ server = "", cluster, user, current = "staging" }: Kubeconfig) {
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server, ...cluster } }],
      users: [{ name: "me", user: { token: "t", ...user } }],
      contexts: [{ name: "staging", context: { cluster: "c", user: "me" } }],
      "current-context": current,
    };
    await writeFile(join(directory, "kubeconfig"), JSON.stringify(config));
  }

  async function contactOf(context?: string, seconds = 10): Promise<Contact> {
    try {
      const config = await kubeConfig(context, seconds);
      const settings = parseSettings(exampleSettings());
      await reaching(config, () => readClusterFacts(config, settings), seconds);
    } catch (error) {
      assert.ok(error instanceof ContactError, String(error));
      return error.contact;
    }
    return assert.fail("it was reached");
  }

  const plain = { "insecure-skip-tls-verify": true };

  it("there is no kubeconfig", async () => {
    delete process.env.KUBECONFIG;
    const { code, where } = await contactOf();
    assert.equal(code, "kubeconfig-missing");
    assert.match(where, /\.kube\/config \(KUBECONFIG is not set\)/);
    assert.equal((await contactOf("staging")).code, "kubeconfig-missing", "whatever is asked for");
  });

  it("KUBECONFIG names a file that is not there", async () => {
    process.env.KUBECONFIG = join(directory, "none");
    const { code, where } = await contactOf();
    assert.equal(code, "kubeconfig-missing");
    assert.match(where, /KUBECONFIG=.*none/);
  });

  it("the kubeconfig makes no sense", async () => {
    for (const text of ["{", "", "clusters: [{name: x}]"]) {
      await writeFile(join(directory, "kubeconfig"), text);
      assert.equal((await contactOf()).code, "kubeconfig-unreadable", text);
    }
  });

  it("the context is not in it, as the settings or as its own", async () => {
    await write({ server: "https://127.0.0.1:1" });
    const setting = await contactOf("production");
    assert.equal(setting.code, "context-unknown");
    assert.match(setting.where, /it has: staging/);
    await write({ server: "https://127.0.0.1:1", current: "gone" });
    assert.equal((await contactOf()).code, "context-unknown");
    await write({ server: "https://127.0.0.1:1", current: "" });
    assert.equal((await contactOf()).code, "context-not-chosen");
  });

  it("the server is to be reached without TLS", async () => {
    await write({ server: "http://127.0.0.1:1" });
    assert.equal((await contactOf()).code, "server-without-tls");
  });

  it("nothing listens", async () => {
    await write({ server: `https://127.0.0.1:${await freePort()}` });
    const { code, said } = await contactOf();
    assert.equal(code, "api-server-refuses");
    assert.match(said?.join() ?? "", /ECONNREFUSED/);
  });

  it("the server takes the connection and never answers", async () => {
    const port = await listen(createServer(() => {}));
    await write({ server: `http://127.0.0.1:${port}`, cluster: plain });
    const { code, what } = await contactOf(undefined, 0.3);
    assert.equal(code, "api-server-silent");
    assert.match(what, /within 0\.3 s/);
  });

  it("the answer begins and never ends", async () => {
    const port = await listen(
      createHttpServer((_request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write('{"kind":');
      }),
    );
    await write({ server: `http://127.0.0.1:${port}`, cluster: plain });
    assert.equal((await contactOf(undefined, 0.5)).code, "api-server-silent");
  });

  it("the server hangs up", async () => {
    const port = await listen(createServer((socket) => socket.destroy()));
    await write({ server: `http://127.0.0.1:${port}`, cluster: plain });
    assert.equal((await contactOf()).code, "api-server-hangs-up");
  });

  it("what answers does not speak TLS", async () => {
    const port = await answering(200, "");
    await write({ server: `https://127.0.0.1:${port}` });
    assert.equal((await contactOf()).code, "api-server-no-tls");
  });

  it("its certificate is not one that the kubeconfig trusts", async () => {
    const { server } = await issueCertificates({
      serverNames: ["localhost"],
      ipAddresses: ["127.0.0.1"],
      validityDays: 1,
    });
    const tls = { key: server.privateKey, cert: server.certificate };
    const port = await listen(createHttpsServer(tls, (_request, response) => response.end()));
    await write({ server: `https://127.0.0.1:${port}` });
    assert.equal((await contactOf()).code, "api-server-not-trusted");
  });

  for (const [status, expected] of [
    [401, "kubernetes-unauthorized"],
    [403, "kubernetes-forbidden"],
    [404, "api-server-other"],
    [503, "api-server-unwell"],
  ] as const) {
    it(`it answers ${status}`, async () => {
      const port = await answering(status, `you get ${status}`);
      await write({ server: `http://127.0.0.1:${port}`, cluster: plain });
      const { code, said = [], where } = await contactOf();
      assert.equal(code, expected);
      const words =
        status === 401 ? "DaemonSet kube-system/kube2iam: HTTP 401 Unauthorized$" : "you get";
      assert.match(said.join("\n"), new RegExp(words));
      assert.match(where, /context staging, user me/);
      // Each right that is missing has to be known; of the others one is enough.
      assert.equal(said.length > 5, status === 403, said.join("\n"));
    });
  }

  it("the program that gives credentials is not there, or gives none", async () => {
    const apiVersion = "client.authentication.k8s.io/v1";
    const server = `https://127.0.0.1:${await freePort()}`;
    const exec = { apiVersion, command: join(directory, "no-such-program"), args: [] };
    await write({ server, user: { token: undefined, exec } });
    const missing = await contactOf();
    assert.equal(missing.code, "kubernetes-credentials-failed");
    assert.match(missing.what, /no-such-program gave no credentials/);
    const failing = { apiVersion, command: "sh", args: ["-c", "echo log in first >&2; exit 1"] };
    await write({ server, user: { token: undefined, exec: failing } });
    const failed = await contactOf();
    assert.equal(failed.code, "kubernetes-credentials-failed");
    assert.match(failed.said?.join() ?? "", /log in first/);
  });
});
