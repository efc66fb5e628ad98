/**
 * The stand-in for the aws provider under the real engine, against moto.
 *
 * Does not prove what AWS itself would answer: moto imitates it, and it neither checks principals nor
 * delays anything. The one delay tested is added by a proxy in front of it.
 */
import { strict as assert } from "node:assert";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { IAM } from "@aws-sdk/client-iam";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

import { createStack, requireEngine, type TestStack } from "../engine.js";
import { labPython } from "../../lab/awsServer.js";
import { freePort } from "../../support/freePort.js";
import { skipBecause } from "../../support/requirements.js";
import { limit } from "../limit.js";

const NOT_YET =
  "<ErrorResponse><Error><Type>Sender</Type><Code>MalformedPolicyDocument</Code>" +
  '<Message>Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/new"</Message>' +
  "</Error><RequestId>1</RequestId></ErrorResponse>";

describe("stand-in: aws", function () {
  this.timeout(limit);
  let moto: ChildProcess | undefined;
  let proxy: Server | undefined;
  let iam: IAM;
  let test: TestStack;
  let refusals = 0;

  before(async function () {
    const engine = requireEngine(this);
    const found = labPython();
    if ("missing" in found) return skipBecause(this, found.missing);
    const port = await freePort();
    moto = spawn(found.python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], {
      stdio: "ignore",
    });
    proxy = createServer((incoming, answer) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        const body = Buffer.concat(chunks);
        if (refusals > 0 && body.includes("Action=CreateRole")) {
          refusals--;
          answer.writeHead(400, { "content-type": "text/xml" }).end(NOT_YET);
          return;
        }
        const { method, url, headers } = incoming;
        const call = request({ host: "127.0.0.1", port, method, path: url, headers }, (reply) => {
          answer.writeHead(reply.statusCode ?? 500, reply.headers);
          reply.pipe(answer);
        });
        call.on("error", () => answer.destroy());
        call.end(body);
      });
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    iam = new IAM({ endpoint, region: "us-east-1", credentials });
    for (let tries = 0; ; tries++) {
      try {
        await iam.listRoles({});
        break;
      } catch (error) {
        if (tries > 100) {
          throw error;
        }
        await sleep(200);
      }
    }
    test = await createStack(engine, {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    });
  });
  after(async () => {
    proxy?.close();
    proxy?.closeAllConnections();
    moto?.kill("SIGKILL");
    await test?.dispose();
  });

  const trust = (principal: string | string[]) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: principal }, Action: "sts:AssumeRole" }],
    });
  const allow = (Action: string | string[]) => ({
    Version: "2012-10-17" as const,
    Statement: [{ Effect: "Allow" as const, Action, Resource: "*" }],
  });
  const MASTER = "arn:aws:iam::123456789012:root";
  interface Options {
    trusted?: string | string[];
    action?: string | string[];
    path?: string;
  }
  const declare = ({ trusted = MASTER, action = "s3:Get*", path = "/teams/" }: Options) => {
    test.program(async () => {
      const role = new aws.iam.Role("server", {
        name: "kiam-server",
        path,
        assumeRolePolicy: trust(trusted),
        forceDetachPolicies: true,
        tags: { owner: "platform" },
      });
      const inline = new aws.iam.RolePolicy("assume", { role: role.id, policy: allow(action) });
      const managed = new aws.iam.Policy("managed", { policy: allow(action) });
      new aws.iam.RolePolicyAttachment("attached", { role: role.name, policyArn: managed.arn });
      const { accountId } = await aws.getCallerIdentity();
      const [{ region }, { partition }] = [await aws.getRegion(), await aws.getPartition()];
      return { arn: role.arn, accountId, region, partition, name: inline.name };
    });
  };

  it("creates role and policies, waiting for a principal that IAM does not know yet", async () => {
    declare({});
    refusals = 2;
    await test.stack.up();
    const outputs = await test.outputs();
    assert.equal(refusals, 0);
    assert.equal(outputs.arn?.value, "arn:aws:iam::123456789012:role/teams/kiam-server");
    assert.equal(outputs.accountId?.value, "123456789012");
    assert.equal(outputs.region?.value, "us-east-1");
    assert.equal(outputs.partition?.value, "aws");
    assert.match(String(outputs.name?.value), /^assume-[0-9a-f]{7}$/);
    const { server, attached } = await test.resources();
    assert.equal(server?.id, "kiam-server");
    assert.match(String(server?.outputs?.uniqueId), /^AROA/);
    assert.match(attached?.id ?? "", /^kiam-server\/arn:aws:iam::\d+:policy\/managed-/);
  });

  it("sees no difference between two ways of writing a policy, nor after a refresh", async () => {
    declare({ trusted: ["123456789012"], action: ["s3:Get*"] });
    assert.deepEqual((await test.stack.preview()).changeSummary, { same: 5 });
    await test.stack.refresh();
    assert.deepEqual((await test.stack.preview()).changeSummary, { same: 5 });
  });

  it("changes trust and policies in place", async () => {
    const worker = "arn:aws:iam::123456789012:role/nodes";
    declare({ trusted: [MASTER, worker], action: "s3:Put*" });
    const { summary } = await test.stack.up();
    assert.deepEqual(summary.resourceChanges, { same: 2, update: 3 });
    const { Role } = await iam.getRole({ RoleName: "kiam-server" });
    assert.match(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ""), /role\/nodes/);
  });

  it("replaces the role when its path changes, the old one first", async () => {
    declare({ path: "/", action: "s3:Put*" });
    const { summary } = await test.stack.up();
    assert.ok((summary.resourceChanges?.replace ?? 0) >= 1);
    const { Role } = await iam.getRole({ RoleName: "kiam-server" });
    assert.equal(Role?.Path, "/");
  });

  it("looks a role up, and says so when there is none", async () => {
    test.program(async () => {
      const found = await aws.iam.getRole({ name: "no-such-role" });
      return { arn: found.arn };
    });
    await assert.rejects(test.stack.preview(), /no-such-role.*couldn't find resource/s);
  });

  it("deletes what others have already deleted, and what others have attached to", async () => {
    const { managed } = await test.resources();
    const PolicyArn = managed?.id ?? "";
    await iam.putRolePolicy({
      RoleName: "kiam-server",
      PolicyName: "from-elsewhere",
      PolicyDocument: JSON.stringify(allow("s3:*")),
    });
    await iam.detachRolePolicy({ RoleName: "kiam-server", PolicyArn });
    test.program(() => Promise.resolve(pulumi.output({})));
    await test.stack.destroy();
    await assert.rejects(iam.getRole({ RoleName: "kiam-server" }), { name: /NoSuchEntity/ });
  });
});
