import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import fc from "fast-check";
import { parse } from "yaml";

import { applyTrust } from "../../automation/applyTrust.js";
import { auditAsText } from "../../cli/audit/auditAnswer.js";
import { permittedAsText } from "../../cli/permitted/permittedAnswer.js";
import { trustAsText } from "../../cli/trust/trustAnswer.js";
import { situationOf } from "../../migration/situation/situation.js";
import { GateError } from "../../migration/text/problem.js";
import { explainDenial } from "../../gates/kiam/deniedRole.js";
import { iamClient, IamReader } from "../../cluster/aws/iam.js";
import { audit } from "../../migration/audit/audit.js";
import { matchesIamPattern } from "../../migration/iam/pattern.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { shown, shownJson } from "../../migration/text/shown.js";
import { planServerTrust, planWorkerRemoval } from "../../migration/iam/trustPlan.js";
import { readIamFacts } from "../../cluster/facts/iamFacts.js";
import {
  account,
  exampleFacts,
  examplePod,
  exampleSettings,
  roleBaseArn,
} from "../support/exampleCluster.js";
import { forged, hostileText, unshowableIn } from "../support/hostile.js";

/*
 * Hostile values in everything that AWS answers: whoever may change a role chooses its path, its
 * description, and the text of its policies. Through the AWS SDK, the reader, the audit and what is
 * proposed, to what is printed and written back. IAM itself checks some of it; who answers as AWS need
 * not be IAM. One set of hostile values goes through all of it: one file.
 */

type Answer = Record<string, unknown>;

/** What AWS answers, by action and, where there are several, the role or policy that is asked for. */
let answers: Record<string, Answer> = {};
let written: { role: string; document: string }[] = [];

/** As the query protocol has it; what XML cannot hold is left out. */
function xml(value: unknown): string {
  if (Array.isArray(value)) return value.map((each) => `<member>${xml(each)}</member>`).join("");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([key, each]) => `<${key}>${xml(each)}</${key}>`)
      .join("");
  }
  return String(value)
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "")
    .replace(/[&<>\r\n]/gu, (each) => `&#${each.codePointAt(0)};`);
}

/** URL-encoded, which lone surrogates cannot be. */
const policy = (document: unknown) =>
  encodeURIComponent(
    (typeof document === "string" ? document : JSON.stringify(document)).replace(/\p{Cs}/gu, ""),
  );

/** A document as IAM lets it be, whose every text is hostile; or one of another form altogether. */
const statement = fc.record(
  {
    Sid: hostileText,
    Effect: fc.constantFrom("Allow", "Deny"),
    Principal: fc.oneof(
      fc.constant("*"),
      fc.dictionary(fc.constantFrom("AWS", "Service", "Federated", "__proto__"), hostileText),
      fc.record({ AWS: fc.array(fc.oneof(hostileText, fc.constant("AROA0123456789ABCDEF0"))) }),
      fc.constant({ AWS: `arn:aws:iam::${account}:role/nodes.example.com` }),
    ),
    NotPrincipal: fc.record({ AWS: hostileText }),
    Action: fc.oneof(
      fc.constant("sts:AssumeRole"),
      hostileText,
      fc.array(hostileText, { maxLength: 3 }),
      fc.constant(`${"*s".repeat(40)}!`),
    ),
    Resource: fc.oneof(fc.constant("*"), hostileText, fc.constant(`${"*r".repeat(40)}!`)),
    Condition: fc.dictionary(hostileText, fc.dictionary(hostileText, hostileText)),
  },
  { requiredKeys: ["Effect"] },
);
const wellFormed = fc.record({
  Version: fc.constantFrom("2012-10-17", "2008-10-17"),
  Id: hostileText,
  Statement: fc.oneof(statement, fc.array(statement, { minLength: 1, maxLength: 3 })),
});
const misshapen = fc.oneof(
  hostileText,
  fc.json(),
  fc.constantFrom<unknown[]>(null, [], {}, { Statement: null }, { Statement: "x" }, "%", "%00"),
  fc.record({
    Statement: fc.array(
      fc.record({
        Effect: fc.oneof(hostileText, fc.constant(null)),
        Principal: fc.oneof(fc.constant(null), fc.integer(), fc.record({ AWS: fc.constant([1]) })),
        Action: fc.oneof(fc.constant(null), fc.constant({}), fc.constant([null])),
        Resource: fc.oneof(fc.constant(null), fc.constant([7])),
        Condition: hostileText,
      }),
      { minLength: 1 },
    ),
  }),
);
const document = fc.oneof(
  { arbitrary: wellFormed, weight: 3 },
  { arbitrary: misshapen, weight: 1 },
);

const server = `arn:aws:iam::${account}:role/kiam-server`;
const workers = "nodes.example.com";
const masters = "masters.example.com";
const inUse = ["app-orders", "app-batch", "kiam-probe"];

function aws(text: () => string, policyText: () => unknown): Record<string, Answer> {
  const role = (name: string, path = "/", id = text()) => ({
    RoleName: name,
    Path: path,
    Arn: `arn:aws:iam::${account}:role${path}${name}`,
    RoleId: id,
    Description: text(),
    AssumeRolePolicyDocument: policy(policyText()),
  });
  const roles = [
    ...[...inUse, workers, masters].map((name) => role(name)),
    role("kiam-server", "/", "AROA0123456789ABCDEF0"),
    role("elsewhere", `/${text()}/`),
    role(text(), `/${text()}/`),
  ];
  return {
    GetCallerIdentity: { Account: account, Arn: text(), UserId: text() },
    ListRoles: { Roles: roles, IsTruncated: false },
    ...Object.fromEntries(roles.map((each) => [`GetRole ${each.RoleName}`, { Role: each }])),
    ListRolePolicies: { PolicyNames: [text()], IsTruncated: false },
    GetRolePolicy: { PolicyName: text(), PolicyDocument: policy(policyText()) },
    ListAttachedRolePolicies: {
      AttachedPolicies: [{ PolicyName: text(), PolicyArn: `arn:aws:iam::aws:policy/${text()}` }],
      IsTruncated: false,
    },
    GetPolicy: { Policy: { Description: text(), DefaultVersionId: text() } },
    GetPolicyVersion: { PolicyVersion: { Document: policy(policyText()) } },
  };
}

describe("hostile values in everything that AWS answers", function () {
  this.timeout(120_000);
  let fake: Server;
  const environment = process.env;

  before(async () => {
    fake = createServer((request, response) => {
      let body = "";
      request.on("data", (data: Buffer) => (body += data.toString()));
      request.on("end", () => {
        const asked = new URLSearchParams(body);
        const action = asked.get("Action") ?? "";
        const name = asked.get("RoleName") ?? "";
        if (action === "UpdateAssumeRolePolicy") {
          written.push({ role: name, document: asked.get("PolicyDocument") ?? "" });
        }
        const answer = answers[`${action} ${name}`] ?? answers[action];
        const failed = answer === undefined && action !== "UpdateAssumeRolePolicy";
        response.writeHead(failed ? 403 : 200, { "content-type": "text/xml" });
        response.end(
          failed
            ? `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${xml(`no\n${forged}\u009b`)}</Message></Error></ErrorResponse>`
            : `<${action}Response><${action}Result>${xml(answer ?? {})}</${action}Result></${action}Response>`,
        );
      });
    });
    await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
    const { port } = fake.address() as AddressInfo;
    process.env = {
      ...environment,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "AKIA0123456789ABCDEF",
      AWS_SECRET_ACCESS_KEY: "x",
    };
  });
  after(() => {
    process.env = environment;
    fake.close();
  });

  const settings = parseSettings(
    exampleSettings({
      kiam: { region: "eu-west-1", roleBaseArn },
      iam: { masterRoleName: masters, workerRoleName: workers },
    }),
  );
  const facts = exampleFacts({
    pods: [
      examplePod("orders", "orders-1", { role: "app-orders" }),
      examplePod("orders", "orders-2", { role: "app-batch" }),
      examplePod("orders", "orders-3", { role: "elsewhere" }),
    ],
  });

  function assertShowable(printed: Record<string, string>): void {
    for (const [way, output] of Object.entries(printed)) {
      assert.deepEqual(unshowableIn(output), [], way);
      const lines = output.split("\n");
      assert.ok(
        !lines.some((line) => line.trimStart().startsWith(forged)),
        `${way}: a forged line`,
      );
    }
  }

  it("come out raw nowhere, stop nothing, and are written back as they were read", async () => {
    let proposed = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(hostileText),
        fc.infiniteStream(document),
        fc.boolean(),
        async (texts, documents, listed) => {
          answers = aws(
            () => texts.next().value as string,
            () => documents.next().value,
          );
          if (!listed) delete answers.ListRoles;
          const iam = await readIamFacts(settings, facts);
          assert.ok(iam !== undefined);
          assert.equal(iam.serverRole.exists, true);
          assert.deepEqual(
            Object.values(iam.roles).map(({ exists }) => exists),
            [true, true, false, true],
          );
          const known = { ...facts, iam };
          const findings = audit(situationOf(settings, known));
          const changes = planServerTrust(iam);
          const removals = planWorkerRemoval(iam);
          assert.ok(removals !== undefined);
          written = [];
          const applied = await applyTrust(await iamClient("eu-west-1"), changes.changes);
          for (const { arn, message } of applied.failed) {
            const { obstacle } = changes.changes.find((each) => each.arn === arn) ?? {};
            assert.equal(message, obstacle, arn);
          }
          proposed += written.length;
          for (const { role, document: text } of written) {
            const change = changes.changes.find(({ arn }) => arn.endsWith(`/${role}`));
            assert.deepEqual(JSON.parse(text), change?.proposed);
          }
          const reader = await IamReader.connect("eu-west-1");
          const chain = { serverRoleArn: server, masterRoleName: masters };
          const text = () => texts.next().value as string;
          const denials = await Promise.all(
            [server, `${roleBaseArn}app-orders`].map((resource) =>
              explainDenial(reader, chain, {
                role: `${roleBaseArn}app-orders`,
                message: text(),
                caller: `arn:aws:sts::${account}:assumed-role/kiam-server/${text()}`,
                resource,
              }),
            ),
          );
          const answer = { stack: "staging", removes: false, principal: server };
          const proposals = (iam.account ?? []).map((arn, at) => ({
            namespace: `ns-${at}`,
            permitted: arn,
            current: arn,
            roles: [arn],
            basis: { mode: "strict" as const, allowed: undefined, exactly: [] },
            reason: arn,
            unchanged: false,
            disagreements: at % 2 === 0 ? [] : [{ role: arn, wanted: true, permitted: false }],
          }));
          const permitted = { stack: "staging", provenOn: 1, written: undefined, proposals };
          const yaml = permittedAsText({
            ...permitted,
            proposals: proposals.filter((_, at) => at % 2 === 0),
          });
          assert.deepEqual(
            Object.values(
              (parse(yaml) as Record<string, Record<string, unknown>> | null)?.[
                "kube2iam-to-kiam:namespaces"
              ] ?? {},
            ),
            proposals.flatMap((each, at) => (at % 2 === 0 ? [{ permitted: each.permitted }] : [])),
          );
          assertShowable({
            audit: shown(
              auditAsText({
                stack: "staging",
                stage: settings.stage,
                lookedAt: { iam: true, log: false, ssh: false },
                findings,
                pods: [],
              }),
            ),
            auditJson: shownJson({ findings }, 2),
            trust: shown(trustAsText({ ...answer, ...changes, roles: changes.changes, applied })),
            removal: shown(
              trustAsText({
                ...answer,
                removes: true,
                ...removals,
                roles: removals.changes,
                applied: undefined,
              }),
            ),
            trustJson: shownJson({ changes, removals }, 2),
            permitted: shown(permittedAsText(permitted)),
            permittedJson: shownJson(permitted, 2),
            gate: new GateError(
              "the chain is broken",
              denials.map(({ problem }) => problem),
            ).message,
          });
        },
      ),
      { numRuns: 12 },
    );
    assert.ok(proposed > 0, "nothing was ever written");
  });

  it("of which one policy cannot be understood make just that role's unknown", async () => {
    const trust = { Statement: { Effect: "Allow", Action: "sts:AssumeRole", Principal: "*" } };
    for (const odd of ["\u001b[2J", "%", "[]", { Statement: [{ Effect: "Allow", Action: [1] }] }]) {
      for (const listed of [true, false]) {
        let at = 0;
        answers = aws(
          () => "x",
          () => (at++ === 0 ? odd : trust),
        );
        if (!listed) delete answers.ListRoles;
        const iam = await readIamFacts(settings, facts);
        const [first, ...others] = inUse.map((name) => iam?.roles[`${roleBaseArn}${name}`]);
        assert.deepEqual([first?.exists, first?.trustsServer], [true, "unknown"]);
        assert.deepEqual(
          others.map((role) => role?.trustsServer),
          ["allowed", "allowed"],
        );
        assert.equal(iam?.unread.length, 1);
        assert.match(iam.unread[0] ?? "", /^role app-orders: its trust policy .*not understood/);
        assert.equal(iam.account === undefined, !listed);
      }
    }
  });

  it("are matched in time, whatever the pattern", () => {
    const began = Date.now();
    const arn = `${roleBaseArn}${"a".repeat(64)}`;
    assert.equal(matchesIamPattern(`${"*a".repeat(60)}b`, arn), false);
    assert.equal(matchesIamPattern("*a".repeat(60), arn), true);
    assert.equal(matchesIamPattern("*".repeat(10_000), arn), true);
    assert.ok(Date.now() - began < 1_000, `${Date.now() - began} ms`);
  });
});
