/**
 * worker/probe/probe.sh against small HTTP servers that answer as kiam, kube2iam and EC2 do, by every
 * shell and both kinds of wget.
 *
 * Real: the shells, wget, TCP. Not proven here: the official programs, whose answers were read in
 * their sources (kiam pkg/aws/metadata/server.go v2.0 to v4.2, kube2iam server/server.go 0.6.0 to
 * 0.15.0), and EC2.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import http from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";

import { probeScript } from "../../../gates/probe/probePod.js";
import { explainIdentity, parseVerdict, type ProbeVerdict } from "../../../worker/probe/verdict.js";
import { findCommand, needsCommands } from "../../support/requirements.js";

const list = "/latest/meta-data/iam/security-credentials/";

/** Status and body of an answer; undefined: none ever comes. */
type Answer = [status: number, body: string] | undefined;
type System = (path: string) => Answer;

const credentials: Record<string, Answer> = {
  [list]: [200, "app"],
  [`${list}app`]: [
    200,
    JSON.stringify({ Code: "Success", Expiration: "2026-01-01T00:00:00Z" }, null, 2),
  ],
};

/** One that gives the right credentials, and else answers so. */
function system(own: Record<string, Answer>, other: Answer): System {
  return (path) => ({ ...credentials, ...own })[path] ?? (path in own ? undefined : other);
}

const notFound: Answer = [404, "<html><title>404 - Not Found</title></html>"];
const unauthorized: Answer = [401, "<html><title>401 - Unauthorized</title></html>"];
const health: Answer = [200, '{"hostIP":"10.0.0.1","instanceId":"i-0123"}\n'];
const blocked: Answer = [404, 'request blocked by allow-route-regexp "^$": /healthz\n'];
const sick: Answer = [500, "Error getting instance id EC2MetadataError\n"];
const kiam = system({ "/ping": [200, "pong"] }, blocked);
const kube2iam = system({ "/healthz": health }, notFound);
const ec2 = system({}, notFound);

describe("the probe's script", function () {
  this.timeout(60_000);
  let directory: string;
  let server: http.Server;
  let asked: { path: string; port: number | undefined }[];
  let answer: (path: string, index: number, response: http.ServerResponse) => Answer | "done";
  let kinds: { name: string; shell: string[]; path: string }[];

  before(async function () {
    needsCommands(this, ["dash", "bash", "busybox", "wget"]);
    directory = await mkdtemp(join(tmpdir(), "probe-"));
    const busybox = findCommand("busybox")!;
    const applets = ["wget", "timeout", "tr", "cut", "sed", "head", "tail", "sleep", "grep"];
    for (const applet of applets) await symlink(busybox, join(directory, applet));
    const before130 = join(directory, "before-1.30");
    await execa("mkdir", [before130]);
    await writeFile(
      join(before130, "timeout"),
      `#!/bin/sh\n[ "$1" = -t ] || exit 1\nshift\nexec ${busybox} timeout "$@"\n`,
      { mode: 0o755 },
    );
    kinds = [
      { name: "busybox", shell: [busybox, "sh"], path: directory },
      { name: "GNU", shell: [findCommand("dash")!], path: process.env.PATH! },
      { name: "GNU, bash", shell: [findCommand("bash")!], path: process.env.PATH! },
      {
        name: "a busybox before 1.30",
        shell: [findCommand("dash")!],
        path: `${before130}:${directory}`,
      },
    ];
    server = http.createServer((request, response) => {
      const path = request.url ?? "";
      asked.push({ path, port: request.socket.remotePort });
      const given = answer(path, asked.length, response);
      if (given === undefined || given === "done") return;
      response.writeHead(given[0]);
      response.end(given[1]);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });

  after(async () => {
    server?.closeAllConnections();
    server?.close();
    if (directory) await rm(directory, { recursive: true });
  });

  beforeEach(() => (asked = []));

  async function probe({ seconds = 5, kind = kinds[0]!, successes = 3 } = {}): Promise<{
    verdict: ProbeVerdict;
    exitCode: number | undefined;
  }> {
    const log = join(directory, "termination-log");
    await writeFile(log, "");
    const { port } = server.address() as AddressInfo;
    const { exitCode, stdout, stderr } = await execa(
      kind.shell[0]!,
      [
        ...[...kind.shell.slice(1), "-c", probeScript(), "probe.sh"],
        ...[`http://127.0.0.1:${port}`, String(successes), String(seconds), "app"],
      ],
      { reject: false, extendEnv: false, env: { PATH: kind.path, TERMINATION_LOG: log } },
    );
    const message = await readFile(log, "utf8");
    const verdict = parseVerdict(message.trim());
    assert.ok(verdict, `no verdict: ${message}\n${stdout}\n${stderr}`);
    return { verdict, exitCode };
  }

  const who = ({ verdict, before, after }: ProbeVerdict) => [verdict, before.who, after?.who];

  for (const [index, name] of [
    "busybox",
    "GNU wget",
    "GNU wget and bash",
    "an old busybox",
  ].entries()) {
    describe(`with ${name}`, () => {
      for (const [what, system_, expected] of [
        ["kiam", kiam, "kiam"],
        [
          "kiam that lets /healthz through to EC2",
          system({ "/ping": [200, "pong"] }, notFound),
          "kiam",
        ],
        [
          "kiam that lets /healthz through to an EC2 that requires tokens",
          system({ "/ping": [200, "pong"] }, unauthorized),
          "kiam",
        ],
        ["kube2iam", kube2iam, "kube2iam"],
        [
          "kube2iam before an EC2 that requires tokens",
          system({ "/healthz": health }, unauthorized),
          "kube2iam",
        ],
        ["kube2iam that is not healthy", system({ "/healthz": sick }, notFound), "kube2iam"],
        ["EC2", ec2, "nobody"],
        ["EC2 that requires tokens but here", system({}, unauthorized), "nobody"],
      ] as const) {
        it(`knows ${what}`, async () => {
          answer = system_;
          const { verdict, exitCode } = await probe({ kind: kinds[index] });
          assert.deepEqual(who(verdict), ["right", expected, expected]);
          assert.equal(exitCode, 0);
          assert.equal(verdict.attempts, 3);
          assert.deepEqual(
            asked.map(({ path }) => path.replace(list, "")),
            ["/ping", "/healthz", ...["", "app", "", "app", "", "app"], "/ping", "/healthz"],
          );
          assert.equal(new Set(asked.map(({ port }) => port)).size, asked.length, "connections");
        });
      }

      it("says what was answered", async () => {
        answer = kube2iam;
        const { verdict } = await probe({ kind: kinds[index] });
        assert.match(verdict.before.ping, /404.*Not Found/);
        assert.match(verdict.before.healthz, /hostIP : 10\.0\.0\.1 , instanceId/);
      });

      it("gives up on one that hangs, in time", async () => {
        answer = (path) => (path === "/ping" ? undefined : kiam(path));
        const began = Date.now();
        const { verdict, exitCode } = await probe({ kind: kinds[index], seconds: 1 });
        assert.deepEqual(who(verdict), ["unclear", "unclear", undefined]);
        assert.match(verdict.before.ping, /timed out after 5 s/);
        assert.equal(exitCode, 1);
        assert.ok(Date.now() - began < 20_000);
      });

      it("says of what error no credentials came", async () => {
        answer = (path) => (path === list ? [503, "wait"] : kiam(path));
        const { verdict } = await probe({ kind: kinds[index], seconds: 0 });
        assert.deepEqual(who(verdict), ["failed", "kiam", undefined]);
        assert.match(verdict.error, /503/);
      });
    });
  }

  it("tells who gave a wrong identity", async () => {
    answer = (path) => (path === list ? [200, "nodes.lab"] : ec2(path));
    const { verdict, exitCode } = await probe();
    assert.deepEqual(who(verdict), ["wrong", "nobody", undefined]);
    assert.equal(verdict.role, "nodes.lab");
    assert.equal(exitCode, 1);
  });

  it("sees that another answers after the last request than before the first", async () => {
    answer = (path, index) => (index <= 8 ? kiam : kube2iam)(path);
    const { verdict } = await probe();
    assert.deepEqual(who(verdict), ["right", "kiam", "kube2iam"]);
  });

  it("asks anew who is there once a request has failed", async () => {
    answer = (path, index) => (index <= 2 ? ec2 : index === 3 ? () => blocked : kiam)(path);
    const { verdict } = await probe();
    assert.deepEqual(who(verdict), ["right", "kiam", "kiam"]);
    assert.equal(verdict.failures, 1);
  });

  for (const [when, path, nth] of [
    ["before", "/ping", 1],
    ["before", "/healthz", 1],
    ["after", "/ping", 2],
    ["after", "/healthz", 2],
  ] as const) {
    it(`tries again when ${path} fails for a moment, ${when} the credentials`, async () => {
      answer = (which, _index, response) => {
        if (which !== path || asked.filter((each) => each.path === path).length !== nth) {
          return kiam(which);
        }
        response.destroy();
        return "done";
      };
      const { verdict } = await probe();
      assert.deepEqual(who(verdict), ["right", "kiam", "kiam"]);
    });
  }

  for (const [what, system_] of [
    ["both marks", system({ "/ping": [200, "pong"], "/healthz": health }, notFound)],
    [
      "kiam's mark, and an unhealthy kube2iam's",
      system({ "/ping": [200, "pong"], "/healthz": sick }, notFound),
    ],
    ["neither mark, but 200", system({}, [200, "hello"])],
    ["neither mark, but 503", system({}, [503, ""])],
    ["kube2iam's mark to the wrong question", system({ "/ping": health }, notFound)],
    ["JSON of somebody else", system({ "/healthz": [200, '{"status":"ok"}'] }, notFound)],
    ["a little more than pong", system({ "/ping": [200, "pong or not"] }, notFound)],
  ] as const) {
    it(`does not call it clear: ${what}`, async () => {
      answer = system_;
      const { verdict, exitCode } = await probe({ seconds: 0 });
      assert.deepEqual(who(verdict), ["unclear", "unclear", undefined]);
      assert.equal(exitCode, 1);
    });
  }

  it("does not call it clear when only the answer after the credentials is not", async () => {
    answer = (path, index) => (index <= 8 ? kiam(path) : [200, "hello"]);
    const { verdict, exitCode } = await probe({ seconds: 0 });
    assert.deepEqual(who(verdict), ["unclear", "kiam", "unclear"]);
    assert.equal(exitCode, 1);
  });

  for (const [what, body] of [
    ["quotes, backslashes, newlines", '","who":"kiam"}\n{"\\u0000\\'],
    ["terminal escapes and what a shell would run", "\u001b[31m$(touch /tmp/pwned)`id`\u0007"],
    ["what is no text", "\u0000\u0001\u00ff\u00e9\u20ac"],
    ["patterns of a shell", "* ? [a-z] %s %n"],
    ["the separator that the script itself uses", "\n=pong+"],
    ["a megabyte", "pong".repeat(250_000)],
  ] as const) {
    it(`is not misled by ${what}`, async () => {
      answer = system({ "/ping": [200, body], "/healthz": [404, body] }, [404, body]);
      const { verdict } = await probe({ seconds: 0 });
      assert.deepEqual(who(verdict), ["unclear", "unclear", undefined]);
      const told = explainIdentity(verdict, { role: "app", address: "a", expected: "kiam" });
      assert.match(told!.what, /^[ -~]{1,600}$/);
    });
  }

  it("reads no more of an endless answer than it needs", async () => {
    let sent = 0;
    answer = (path, _index, response) => {
      if (path !== "/ping") return kiam(path);
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write("pong".repeat(4096))) sent += 16_384;
        response.once("drain", more);
      };
      more();
      return "done";
    };
    const { verdict } = await probe({ seconds: 0 });
    assert.equal(verdict.before.who, "unclear");
    assert.ok(sent < 20_000_000, `${sent} bytes`);
  });
});
