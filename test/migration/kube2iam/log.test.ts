import assert from "node:assert/strict";

import { logrusFields } from "../../../migration/kube2iam/logrus.js";
import { readKube2iamLogPart, type Kube2iamRequest } from "../../../migration/kube2iam/requests.js";
import { Kube2iamLogSummary } from "../../../migration/kube2iam/summarizeLog.js";
import { examplePod } from "../../support/exampleCluster.js";

/* Pure: kube2iam's log, as logrus writes it, and what is made of it. */

const credentials = "/latest/meta-data/iam/security-credentials/";
const line = (path: string) =>
  `time="2024-01-01T00:00:00Z" level=info msg="GET ${path} (200) took 0.100000 ms" req.method=GET req.path=${path} req.remote=100.64.0.1 res.duration=0.1 res.status=200`;

function request(change: Partial<Kube2iamRequest>): Kube2iamRequest {
  const given = { time: 0, method: "GET", path: credentials, address: "100.64.0.1", status: 200 };
  return { ...given, ...change };
}

describe("lines of logrus", () => {
  it("are read as text, quoted as Go does, and as JSON", () => {
    assert.deepEqual(logrusFields('level=info msg="a \\"b\\" \\\\ \\n\\x07\\u00a0" empty= n=1'), {
      level: "info",
      msg: 'a "b" \\ \n\x07\u00a0',
      empty: "",
      n: "1",
    });
    assert.deepEqual(logrusFields('{"level":"info","res.status":200}'), {
      level: "info",
      "res.status": "200",
    });
  });

  it("are not what somebody else wrote, or what was cut off", () => {
    for (const text of [
      "",
      "I0101 00:00:00.000000 1 reflector.go:1] level",
      'level=info msg="cut of',
      '{"level":"in',
      "a=b",
      'level=info msg="x"y=1',
    ]) {
      assert.equal(logrusFields(text), undefined, text);
    }
  });
});

describe("kube2iam's log", () => {
  it("gives each request once, in every format that kube2iam had", () => {
    const log = [
      'time="2024-01-01T00:00:00+01:00" level=info msg="Listening on port 8181"',
      'time="2024-01-01T00:00:01+01:00" level=debug msg="Proxy ec2 metadata request" metadata.url=169.254.169.254 req.method=GET req.path=/latest/user-data req.remote=100.64.0.1',
      line("/latest/user-data"),
      // Before 2017 logrus quoted slashes.
      'time="2024-01-01T00:00:02Z" level=info msg="GET /a b (404) took 1 ns" req.method=GET req.path="/a b" req.remote="fd00::1" res.duration=1 res.status=404',
      '{"level":"info","msg":"…","req.method":"PUT","req.path":"/latest/api/token","req.remote":"","res.duration":0.1,"res.status":200,"time":"2024-01-01T00:00:03Z"}',
      'time="2024-01-01T00:00:04Z" level=info msg="GET /x (200) took',
    ].join("\n");
    const part = readKube2iamLogPart(log);
    assert.equal(part.begins, Date.parse("2023-12-31T23:00:00Z"));
    assert.equal(part.started, part.begins);
    assert.deepEqual(
      part.requests.map(({ method, path, address, status }) => [method, path, address, status]),
      [
        ["GET", "/latest/user-data", "100.64.0.1", 200],
        ["GET", "/a b", "fd00::1", 404],
        ["PUT", "/latest/api/token", "", 200],
      ],
    );
  });

  it("does not say when it began where nothing tells", () => {
    assert.deepEqual(readKube2iamLogPart("panic: …\n"), {
      begins: undefined,
      started: undefined,
      requests: [],
    });
    assert.equal(readKube2iamLogPart(line("/x")).started, undefined);
  });
});

describe("what kube2iam's log tells", () => {
  const pods = [
    examplePod("orders", "orders-1", { ip: "100.64.0.1" }),
    examplePod("kube-system", "on-host", { ip: "10.0.0.11", hostNetwork: true }),
  ];
  const told = (...requests: Kube2iamRequest[]) => {
    const summary = new Kube2iamLogSummary(pods);
    summary.add("worker-1", { requests }, 60);
    return summary.facts();
  };

  it("are paths that kiam would refuse, with who asked, but not those that both systems serve", () => {
    const facts = told(
      request({ path: "/latest/user-data" }),
      request({ path: "/latest/user-data" }),
      request({ path: "/latest/user-data", address: "100.64.0.9" }),
      request({ path: "/latest/user-data", address: "10.0.0.11" }),
      request({ path: "/latest/meta-data/" }),
      request({ path: "/latest/meta-data/no-such-thing", status: 404 }),
      request({ path: "/latest/api/token", method: "PUT" }),
      request({ path: "/2016-09-02/meta-data/iam/security-credentials" }),
      request({ path: `${credentials}app-orders` }),
      request({ path: "/healthz" }),
      request({ path: "/metrics" }),
    );
    assert.deepEqual(facts.paths, [
      {
        path: "/latest/meta-data/",
        requests: 1,
        askers: [{ who: "orders/orders-1", namespace: "orders", requests: 1 }],
      },
      {
        path: "/latest/user-data",
        requests: 4,
        askers: [
          { who: "orders/orders-1", namespace: "orders", requests: 2 },
          { who: "10.0.0.11", namespace: undefined, requests: 1 },
          { who: "100.64.0.9", namespace: undefined, requests: 1 },
        ],
      },
    ]);
    assert.equal(facts.requests, 9);
    assert.deepEqual(facts.credentials, { "orders/orders-1": 1 });
    assert.deepEqual(facts.minutes, { "worker-1": 60 });
  });

  it("are pods that ask six times a minute for three minutes, not less and not for less", () => {
    const asking = (every: number, seconds: number) =>
      told(
        ...Array.from({ length: Math.floor(seconds / every) + 1 }, (_, index) =>
          request({ path: `${credentials}app-orders`, time: index * every * 1_000 }),
        ),
      ).churning;
    assert.deepEqual(asking(10, 180), [
      { namespace: "orders", name: "orders-1", requests: 19, minutes: 3 },
    ]);
    assert.deepEqual(asking(15, 3_600), []);
    assert.deepEqual(asking(1, 170), []);
  });
});
