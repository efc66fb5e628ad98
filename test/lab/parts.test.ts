import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digest, exists, goSources, publish } from "../../lab/parts/cache.js";
import { type Context, requiredVersion } from "../../lab/parts/context.js";
import { givenParts, requireGiven } from "../../lab/parts/given.js";
import { buildGo, buildPath } from "../../lab/parts/goBuild.js";
import { kubernetesSources } from "../../lab/parts/kubernetes.js";
import { Network } from "../../lab/parts/network.js";
import { pluginVersion } from "../../lab/parts/pluginInfo.js";
import { checksumOf, corednsSources, etcdSources } from "../../lab/parts/release.js";
import { type Source, Unavailable, search } from "../../lab/parts/search.js";
import { withoutStartingServices } from "../../lab/parts/services.js";
import { formatPartTable } from "../../lab/parts/table.js";
import { type Tool, ensureTools, missingPackages } from "../../lab/parts/tools.js";
import { silentProgress } from "../../automation/progress.js";
import { needsCommands } from "../support/requirements.js";

// What these tests do not prove: that the official downloads exist at their addresses, and that the
// real modules build. Starting the lab does. All share the directory that parts are made in: one file.

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "parts-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A program that is a shell script. */
async function script(name: string, body: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

describe("lab/parts: the order of the search", () => {
  const asked: string[] = [];
  beforeEach(() => asked.splice(0));
  const source = (origin: Source<string>["origin"], answer: string | Error): Source<string> => ({
    origin,
    find: () => {
      asked.push(origin);
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve({ value: answer, version: "1" });
    },
  });

  it("takes the first source that has the part and asks no further", async () => {
    const found = await search("etcd", [
      source("given", new Unavailable("not named")),
      source("official", "/official/etcd"),
      source("built", "/built/etcd"),
    ]);
    assert.deepEqual(found, { value: "/official/etcd", version: "1", origin: "official" });
    assert.deepEqual(asked, ["given", "official"]);
  });

  it("never replaces a part that is there and does not work", async () => {
    await assert.rejects(
      search("etcd", [source("given", new Error("exec format error")), source("built", "/built")]),
      /exec format error/,
    );
    assert.deepEqual(asked, ["given"]);
  });

  it("says what every source answered when none has it", async () => {
    await assert.rejects(
      search("etcd", [
        source("given", new Unavailable("not named")),
        source("official", new Unavailable("github.com cannot be reached")),
      ]),
      /etcd is nowhere to be had:\n {2}given: not named\n {2}official: github.com cannot be reached/,
    );
  });
});

describe("lab/parts: parts that the user names", () => {
  const network = { requireHost: () => Promise.reject(new Error("the network was asked")) };
  const context = (given: Context["given"]): Context => ({
    given,
    cache: directory,
    network: network as unknown as Network,
    progress: silentProgress,
  });

  it("reads flags before environment variables, and takes empty ones for unset", () => {
    const environment = {
      KIAM_LAB_ETCD: "/env/etcd",
      KIAM_LAB_KIAM: "/env/kiam",
      KIAM_LAB_ENGINE: "",
    };
    assert.deepEqual(givenParts({ etcd: "/flag/etcd", kiam: "" }, environment), {
      etcd: "/flag/etcd",
      kiam: "/env/kiam",
    });
    assert.deepEqual(givenParts({ etcd: "bin/etcd" }, {}), {
      etcd: join(process.cwd(), "bin/etcd"),
    });
  });

  it("runs what was named and reports the version that it prints", async () => {
    const etcd = await script("my-etcd", 'echo "etcd Version: 9.9.9"');
    const found = await search("etcd", await etcdSources(context({ etcd })));
    assert.deepEqual(found, { value: etcd, version: "9.9.9", origin: "given" });
  });

  it("stops when it does not work, naming the variable, the path and what happened", async () => {
    const etcd = await script("my-etcd", "echo broken >&2; exit 3");
    await assert.rejects(search("etcd", await etcdSources(context({ etcd }))), (error: Error) => {
      assert.match(error.message, /KIAM_LAB_ETCD or --etcd names .*my-etcd, which does not work/);
      assert.match(error.message, /exit status 3\nbroken/);
      return true;
    });
  });

  it("wants every Kubernetes program in a directory that was named", async () => {
    await script("kube-apiserver", "echo Kubernetes v1.34.9");
    const sources = await kubernetesSources(context({ kubernetes: directory }));
    await assert.rejects(search("Kubernetes", sources), /kube-controller-manager --version/);
  });

  it("finds all that lead nowhere before any long work", async () => {
    const given = { etcd: "/nowhere/etcd", kiam: "/nowhere/kiam", coredns: directory };
    await assert.rejects(requireGiven(given), (error: Error) => {
      assert.match(
        error.message,
        /KIAM_LAB_ETCD or --etcd names \/nowhere\/etcd: there is no such/,
      );
      assert.match(error.message, /KIAM_LAB_KIAM or --kiam names \/nowhere\/kiam/);
      assert.doesNotMatch(error.message, /COREDNS/);
      return true;
    });
  });
});

describe("lab/parts: the cache", () => {
  it("shows nothing of work that failed", async () => {
    const target = join(directory, "builds", "x");
    const failing = publish(target, async (staging) => {
      await mkdir(staging);
      await writeFile(join(staging, "half"), "");
      throw new Error("disk full");
    });
    await assert.rejects(failing, /disk full/);
    assert.deepEqual(await readdir(join(directory, "builds")), []);
  });

  it("removes what a killed process left, not what a running one is at", async () => {
    const target = join(directory, "x");
    const parent = `${target}.partial-${process.ppid}`;
    await writeFile(`${target}.partial-4194305`, "no process can have this id");
    await writeFile(parent, "alive");
    await writeFile(join(directory, "other.partial-4194305.layer"), "of another target");
    await publish(target, (staging) => writeFile(staging, "whole"));
    assert.deepEqual((await readdir(directory)).sort(), ["x", `x.partial-${process.ppid}`]);
    assert.equal(await readFile(target, "utf8"), "whole");
  });

  it("makes nothing twice", async () => {
    const target = join(directory, "x");
    await publish(target, (staging) => writeFile(staging, "first"));
    await publish(target, () => Promise.reject(new Error("made again")));
    assert.equal(await readFile(target, "utf8"), "first");
  });

  it("has one of several runs make what all need, and the others wait for it", async () => {
    const target = join(directory, "x");
    // As a process that was killed while it made the same.
    await writeFile(`${target}.lock`, "");
    await utimes(`${target}.lock`, 0, 0);
    let made = 0;
    const make = async (staging: string) => {
      made++;
      await writeFile(staging, `made ${made} times`);
    };
    await Promise.all([1, 2, 3].map(() => publish(target, make)));
    assert.equal(await readFile(target, "utf8"), "made 1 times");
    assert.deepEqual(await readdir(directory), ["x"]);
  });

  it("has a key that every piece changes and their order does not", () => {
    const key = digest({ a: "1", b: "2" });
    assert.equal(digest({ b: "2", a: "1" }), key);
    assert.notEqual(digest({ a: "1", b: "3" }), key);
    assert.notEqual(digest({ a: "12", b: "" }), digest({ a: "1", b: "2" }));
    assert.match(key, /^[0-9a-f]{16}$/);
  });
});

describe("lab/parts: builds from Go modules", function () {
  const build = () => ({
    name: "hello",
    directory: join(directory, "src"),
    packages: ["."],
    program: "hello",
  });
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(directory, "src", name), text);
  const MAIN = 'package main\n\nvar version = "none"\n\nfunc main() { println(version) }\n';

  before(function () {
    needsCommands(this, ["go"]);
  });
  beforeEach(async () => {
    await mkdir(join(directory, "src"));
    await write("go.mod", "module example/hello\n\ngo 1.24\n");
    await write("go.sum", "");
    await write("main.go", MAIN);
  });

  it("change their key with sources, go.mod, go.sum and link-time variables, not with tests", async () => {
    const keys = [await buildPath(build(), directory)];
    await write("main_test.go", "package main\n");
    assert.equal(await buildPath(build(), directory), keys[0]);
    keys.push(await buildPath({ ...build(), variables: { "main.version": "v1" } }, directory));
    for (const name of ["go.mod", "go.sum", "main.go"]) {
      await write(name, `${await readFile(join(directory, "src", name), "utf8")}\n`);
      keys.push(await buildPath(build(), directory));
    }
    assert.equal(new Set(keys).size, 5);
    assert.deepEqual(Object.keys(await goSources(build().directory)).sort(), [
      "go.mod",
      "go.sum",
      "main.go",
    ]);
  });

  it("that fail leave nothing in the cache and say what the compiler said", async () => {
    await write("main.go", "package main\n\nfunc main() { undefinedThing() }\n");
    await assert.rejects(buildGo(build(), directory, silentProgress), /undefined: undefinedThing/);
    assert.deepEqual(await readdir(join(directory, "builds")), []);
  });

  it("never change go.mod: what is missing there fails the build", async () => {
    await write("main.go", 'package main\n\nimport _ "example.org/absent"\n\nfunc main() {}\n');
    const before = await readFile(join(directory, "src", "go.mod"), "utf8");
    await assert.rejects(buildGo(build(), directory, silentProgress), /example.org\/absent/);
    assert.equal(await readFile(join(directory, "src", "go.mod"), "utf8"), before);
  });
});

describe("lab/parts: downloads", () => {
  let server: Server;
  let base: string;
  let requests: string[];
  const answers: Record<string, { status: number; body: string }> = {};

  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      const { status, body } = answers[request.url ?? ""] ?? { status: 404, body: "" };
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const step = silentProgress.step("");
  const closedHosts = (): string => join(directory, "closed-hosts.json");

  it("ask a host once, and one that cannot be reached not again in later runs", async () => {
    const port = (server.address() as AddressInfo).port;
    await new Promise((resolve) => server.close(resolve)); // now nobody listens there
    let tries = 0;
    const counting: typeof fetch = (...request) => {
      tries++;
      return fetch(...request);
    };
    const first = new Network(closedHosts(), counting);
    await assert.rejects(first.requireHost(`${base}/a`), Unavailable);
    await assert.rejects(first.requireHost(`${base}/b`), Unavailable);
    const later = new Network(closedHosts(), counting);
    await assert.rejects(later.requireHost(base), new RegExp(`127.0.0.1:${port} gave nothing on`));
    assert.equal(tries, 1);
    await rm(closedHosts());
    await assert.rejects(new Network(closedHosts(), counting).requireHost(base), Unavailable);
    assert.equal(tries, 2);
  });

  it("take a proxy's refusal for the last word", async () => {
    answers["/x"] = { status: 403, body: "" };
    await assert.rejects(new Network(closedHosts()).text(`${base}/x`), /HTTP status 403/);
    assert.deepEqual(requests, ["HEAD /x"]);
  });

  it("wait no longer than the limit for a host that says nothing", async () => {
    const silent: typeof fetch = (_url, options) =>
      new Promise((_resolve, reject) => {
        assert.ok(options?.signal, "the request has no limit");
        reject(new DOMException("", "TimeoutError"));
      });
    await assert.rejects(
      new Network(closedHosts(), silent).requireHost(base),
      /no answer within 2 s/,
    );
  });

  it("are compared with the checksum that was published", async () => {
    answers["/etcd"] = { status: 200, body: "etcd" };
    const network = new Network(closedHosts());
    const file = join(directory, "etcd");
    const other = createHash("sha256").update("another").digest("hex");
    await assert.rejects(network.file(`${base}/etcd`, file, other, step), (error: Error) => {
      assert.ok(!(error instanceof Unavailable), "it must not lead to the next source");
      assert.match(error.message, new RegExp(`its SHA-256 is .*, published is ${other}`));
      return true;
    });
    const right = createHash("sha256").update("etcd").digest("hex");
    await network.file(`${base}/etcd`, file, right, step);
    assert.equal(await readFile(file, "utf8"), "etcd");
  });

  it("are unpacked wherever the program lies in the archive, and used from then on", async () => {
    await mkdir(join(directory, "etcd-v3"));
    await script("etcd-v3/etcd", 'echo "etcd Version: 3.6.6"');
    await script("coredns", 'echo "CoreDNS-1.14.3"');
    let downloads = 0;
    const network = {
      requireHost: () => Promise.resolve(),
      text: (url: string) =>
        Promise.resolve(
          ["amd64", "arm64"]
            .flatMap((arch) => [
              `etcd-v3.6.6-linux-${arch}.tar.gz`,
              `coredns_1.14.3_linux_${arch}.tgz`,
            ])
            .map((name) => `${url.length}ab  ${name}`)
            .join("\n"),
        ),
      file: (url: string, file: string) => {
        downloads++;
        const what = url.includes("etcd") ? "etcd-v3" : "./coredns";
        execFileSync("tar", ["-czf", file, "-C", directory, what]);
        return Promise.resolve();
      },
    } as unknown as Network;
    const context = {
      given: {},
      cache: join(directory, "cache"),
      network,
      progress: silentProgress,
    };
    for (let run = 0; run < 2; run++) {
      const etcd = await search("etcd", await etcdSources(context));
      const coredns = await search("CoreDNS", await corednsSources(context));
      assert.deepEqual([etcd.version, etcd.origin], ["3.6.6", "official"]);
      assert.deepEqual([coredns.version, coredns.origin], ["1.14.3", "official"]);
      assert.ok(etcd.value.startsWith(join(directory, "cache")));
    }
    assert.equal(downloads, 2);
  });

  it("find their checksum in lists of either form, and stop where there is none", () => {
    const list = "aa  etcd-v1-darwin.zip\nbb  etcd-v1-linux.tar.gz\n";
    assert.equal(checksumOf(list, "etcd-v1-linux.tar.gz"), "bb");
    assert.equal(checksumOf("cc *release/coredns.tgz\n", "coredns.tgz"), "cc");
    assert.throws(() => checksumOf(list, "etcd-v2"), /do not mention etcd-v2/);
  });

  it("are of the versions that go.mod names", async () => {
    assert.match(await requiredVersion("kubernetes", "k8s.io/kubernetes"), /^v1\.34\.\d+$/);
    assert.match(await requiredVersion("etcd", "go.etcd.io/etcd/server/v3"), /^v3\./);
    assert.match(await requiredVersion("coredns", "github.com/coredns/coredns"), /^v1\./);
  });
});

describe("lab/parts: provider plugins", () => {
  it("that are none are refused with what they printed", async () => {
    await assert.rejects(
      pluginVersion(await script("a", "echo hello")),
      /first line is not a port: hello/,
    );
    await assert.rejects(
      pluginVersion(await script("b", "echo no >&2; exit 1")),
      /without printing a port\nno/,
    );
  });
});

describe("lab/parts: the distribution's tools", () => {
  const tools: Tool[] = [
    { package: "coreutils", needs: ["ls", "cat"] },
    { package: "absent-package", needs: ["ls", "no-such-program"] },
    { package: "absent-file", needs: ["/no/such/file"] },
  ];

  it("are missing when any of what the lab needs of them is", async () => {
    assert.deepEqual(await missingPackages(tools), ["absent-package", "absent-file"]);
  });

  it("are not installed where that is not wanted: the command is said instead", async () => {
    await assert.rejects(
      ensureTools(tools, { install: false, progress: silentProgress }),
      /told not to install[^]*apt-get update && apt-get install -y --no-install-recommends absent-package absent-file/,
    );
  });

  it("are installed without starting services, and the former policy comes back", async () => {
    const policy = await script("policy-rc.d", "exit 0");
    const before = await readFile(policy, "utf8");
    const during = await withoutStartingServices(() => readFile(policy, "utf8"), policy);
    assert.match(during, /exit 101/);
    assert.equal(await readFile(policy, "utf8"), before);
  });

  it("leave no policy where there was none, even when the installation fails", async () => {
    const policy = join(directory, "policy-rc.d");
    const failing = withoutStartingServices(() => Promise.reject(new Error("no space")), policy);
    await assert.rejects(failing, /no space/);
    assert.equal(await exists(policy), false);
  });
});

describe("lab/parts: the table", () => {
  it("shows part, version, origin and note", () => {
    const table = formatPartTable([
      { part: "etcd", version: "3.6.6", origin: "built" },
      { part: "kiam", version: "v4.2", origin: "given", note: "image" },
    ]);
    assert.match(table, /etcd +│ 3\.6\.6 +│ built +│/);
    assert.match(table, /kiam +│ v4\.2 +│ given +│ image/);
  });
});
