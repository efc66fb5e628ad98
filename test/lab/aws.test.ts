/**
 * The lab's AWS by its own protocol, with the official SDK clients, on loopback.
 *
 * Not proven here: that AWS itself decides so; the rules come from its documentation. All share one
 * AWS, which takes seconds to start: one file.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  ListRolesCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
  type IAMClient,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { applicationRoles, nodeRoles, roleArn, seedRoles } from "../../lab/workload/roles.js";
import { readTrust } from "../../automation/applyTrust.js";
import { addTrust } from "../../lab/workload/trust.js";
import { labPython, startAws, type AwsServer, type Credentials } from "./awsServer.js";
import { skipBecause } from "../support/requirements.js";

const run = promisify(execFile);

const kiamServer = roleArn({ name: "kiam-server" });
const orders = roleArn({ name: "app-orders" });
const payments = roleArn({ name: "app-payments", path: "/teams/payments/" });

const document = (...statements: object[]) =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
const trusting = (arn: string) =>
  document({ Effect: "Allow", Principal: { AWS: arn }, Action: "sts:AssumeRole" });
const maySwitchTo = (...arns: string[]) =>
  document({ Effect: "Allow", Action: "sts:AssumeRole", Resource: arns });

describe("the lab's AWS", () => {
  let aws: AwsServer;
  let iam: IAMClient;
  let python: string;

  before(async function () {
    const found = labPython();
    if ("missing" in found) return skipBecause(this, found.missing);
    python = found.python;
    aws = await startAws(python, {
      "127.0.0.1": { name: "worker-1", role: nodeRoles.workers },
    });
    iam = aws.iam(aws.admin);
    await seedRoles(iam);
  });

  after(async () => {
    if (aws) {
      assert.equal(await aws.stop(), 0);
    }
  });

  const metadata = (at: string, options: RequestInit = {}) =>
    fetch(`http://${aws.at.metadata}/latest/${at}`, {
      signal: AbortSignal.timeout(30_000),
      ...options,
    });

  const control = (verb: string, body: object) =>
    fetch(`http://${aws.at.control}/${verb}`, { method: "POST", body: JSON.stringify(body) });

  const nodesAre = (nodes: object) =>
    writeFile(path.join(aws.directory, "nodes.json"), JSON.stringify(nodes));

  async function nodeCredentials(role = nodeRoles.workers): Promise<Credentials> {
    const answer = await metadata(`meta-data/iam/security-credentials/${role}`);
    const given = (await answer.json()) as Record<string, string>;
    assert.equal(given.Code, "Success");
    return {
      accessKeyId: given.AccessKeyId ?? "",
      secretAccessKey: given.SecretAccessKey ?? "",
      sessionToken: given.Token,
    };
  }

  async function assume(credentials: Credentials, arn: string, seconds = 900, name = "test") {
    const answer = await aws
      .sts(credentials)
      .send(
        new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: name, DurationSeconds: seconds }),
      );
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {};
    return {
      accessKeyId: AccessKeyId ?? "",
      secretAccessKey: SecretAccessKey ?? "",
      sessionToken: SessionToken,
      expires: Expiration?.getTime() ?? 0,
      user: answer.AssumedRoleUser,
    };
  }

  const identity = (credentials: Credentials) =>
    aws.sts(credentials).send(new GetCallerIdentityCommand({}));

  const refused = (call: Promise<unknown>, code: string, message?: string | RegExp) =>
    assert.rejects(call, (problem: Error) => {
      assert.equal(problem.name, code, problem.message);
      if (message instanceof RegExp) assert.match(problem.message, message);
      else if (message !== undefined) assert.equal(problem.message, message);
      return true;
    });

  it("knows its admin, and no key, token or secret that it did not give", async () => {
    assert.equal((await identity(aws.admin)).Arn, "arn:aws:iam::123456789012:user/admin");
    const token = "The security token included in the request is invalid.";
    await refused(
      identity({ accessKeyId: "AKIAUNKNOWN000000000", secretAccessKey: "x" }),
      "InvalidClientTokenId",
      token,
    );
    const node = await nodeCredentials();
    await refused(identity({ ...node, sessionToken: "made-up" }), "InvalidClientTokenId", token);
    await refused(identity({ ...node, sessionToken: undefined }), "InvalidClientTokenId", token);
    await refused(identity({ ...node, secretAccessKey: "wrong" }), "SignatureDoesNotMatch");
  });

  it("lets the operator do what rights/iam says, and nothing else", async () => {
    const operator = aws.iam(aws.operator);
    await operator.send(new ListRolesCommand({}));
    await operator.send(new GetRoleCommand({ RoleName: "app-orders" }));
    for (const [refused, what] of [
      [new GetRoleCommand({ RoleName: nodeRoles.masters }), "iam:GetRole"],
      [new DeleteRoleCommand({ RoleName: "app-orders" }), "iam:DeleteRole"],
      [
        new CreateRoleCommand({ RoleName: "another", AssumeRolePolicyDocument: trusting(orders) }),
        "iam:CreateRole",
      ],
    ] as const) {
      const refusal = new RegExp(`user/operator is not authorized to perform: ${what} on`);
      await assert.rejects(operator.send(refused as GetRoleCommand), refusal);
    }
  });

  it("gives a node its own role's credentials, which STS recognises", async () => {
    const answer = await identity(await nodeCredentials());
    assert.match(
      answer.Arn ?? "",
      /^arn:aws:sts::123456789012:assumed-role\/nodes\.lab\.k8s\.local\/i-0[0-9a-f]{16}$/,
    );
    assert.match(answer.UserId ?? "", /^AROA[A-Z0-9]{17}:i-0/);
  });

  it("lets the workers' role assume an application role: both halves are there", async () => {
    const got = await assume(await nodeCredentials(), payments, 1800, "pod-1");
    // AWS leaves the path out of the session's ARN.
    assert.equal(got.user?.Arn, "arn:aws:sts::123456789012:assumed-role/app-payments/pod-1");
    assert.match(got.user?.AssumedRoleId ?? "", /^AROA[A-Z0-9]{17}:pod-1$/);
    assert.ok(Math.abs(got.expires - Date.now() - 1_800_000) < 60_000);
    assert.equal((await identity(got)).Arn, got.user?.Arn);
  });

  it("refuses IAM to a node", async () => {
    await refused(
      aws.iam(await nodeCredentials()).send(new GetRoleCommand({ RoleName: "app-orders" })),
      "AccessDenied",
      /assumed-role\/nodes\.lab\.k8s\.local\/i-0\w+ is not authorized to perform: iam:GetRole on resource: arn:aws:iam::123456789012:role\/app-orders$/,
    );
  });

  describe("with a kiam server role", () => {
    let server: Credentials;

    before(async () => {
      const masters = roleArn({ name: nodeRoles.masters });
      await iam.send(
        new CreateRoleCommand({
          RoleName: "kiam-server",
          AssumeRolePolicyDocument: trusting(masters),
        }),
      );
      await iam.send(
        new PutRolePolicyCommand({
          RoleName: nodeRoles.masters,
          PolicyName: "kiam",
          PolicyDocument: maySwitchTo(kiamServer),
        }),
      );
      await nodesAre({ "127.0.0.1": { name: "master-1", role: nodeRoles.masters } });
      // nodes.json is read again: the same address is a master now.
      server = await assume(await nodeCredentials(nodeRoles.masters), kiamServer);
    });

    const denied = `User: arn:aws:sts::123456789012:assumed-role/kiam-server/test is not authorized to perform: sts:AssumeRole on resource: ${orders}`;

    it("refuses without trust", async () => {
      await permit(maySwitchTo(orders, payments));
      await refused(assume(server, orders), "AccessDenied", denied);
      assert.match(
        await lastDecision(),
        /the trust policy of .*app-orders does not name .*kiam-server/,
      );
    });

    it("refuses without the identity policy", async () => {
      await addTrust(iam, ["app-orders"], kiamServer);
      await permit(maySwitchTo(payments));
      await refused(assume(server, orders), "AccessDenied", denied);
      assert.match(await lastDecision(), /no identity policy allows sts:AssumeRole/);
    });

    it("allows with both, adding trust only once", async () => {
      await permit(maySwitchTo("arn:aws:iam::123456789012:role/*"));
      assert.deepEqual(await addTrust(iam, ["app-orders"], kiamServer), [
        { role: "app-orders", changed: false },
      ]);
      const got = await assume(server, orders);
      assert.equal((await identity(got)).Arn, got.user?.Arn);
    });

    it("honours an explicit deny", async () => {
      await permit(
        document(
          { Effect: "Allow", Action: "*", Resource: "*" },
          { Effect: "Deny", Action: "sts:Assume*", Resource: orders },
        ),
      );
      await refused(
        assume(server, orders),
        "AccessDenied",
        `${denied} with an explicit deny in an identity-based policy`,
      );
    });

    it("refuses where a condition is one it does not evaluate", async () => {
      const conditional = (operator: string, key: string, value: string) =>
        document({
          Effect: "Allow",
          Action: "sts:AssumeRole",
          Resource: "*",
          Condition: { [operator]: { [key]: value } },
        });
      await permit(conditional("StringLike", "aws:PrincipalArn", "*/kiam-*"));
      await assume(server, orders);
      await permit(conditional("StringLike", "aws:PrincipalArn", "*/other-*"));
      await refused(assume(server, orders), "AccessDenied", denied);
      await permit(conditional("StringEquals", "aws:RequestedRegion", "us-east-1"));
      await refused(assume(server, orders), "AccessDenied", denied);
      assert.match(
        await lastDecision(),
        /not evaluated by the lab: condition key aws:RequestedRegion/,
      );
    });

    it("caps chained sessions at an hour, and any session at the role's own limit", async () => {
      await permit(maySwitchTo("*"));
      await iam.send(
        new CreateRoleCommand({
          RoleName: "long",
          AssumeRolePolicyDocument: trusting("arn:aws:iam::123456789012:root"),
          MaxSessionDuration: 43200,
        }),
      );
      const long = roleArn({ name: "long" });
      await refused(assume(server, long, 3601), "ValidationError", /1 hour session limit/);
      await assume(server, long, 3600);
      await assume(aws.admin, long, 7200);
      await refused(assume(aws.admin, long, 43201), "ValidationError", /MaxSessionDuration/);
      await refused(
        assume(aws.admin, long, 899),
        "ValidationError",
        /greater than or equal to 900/,
      );
    });

    it("refuses a session that has ended", async () => {
      const got = await assume(server, orders);
      const ended = await control("expire", { role: "app-orders" });
      assert.ok(((await ended.json()) as { ended: number }).ended >= 1);
      await refused(
        identity(got),
        "ExpiredToken",
        "The security token included in the request is expired",
      );
    });

    it("throttles, delays and denies on demand", async () => {
      await control("faults", { sts: { throttle: true } });
      await refused(assume(server, orders), "Throttling", "Rate exceeded");
      await control("faults", { sts: { deny: true, delayMs: 300 } });
      const begun = performance.now();
      await refused(assume(server, orders), "AccessDenied", denied);
      assert.ok(performance.now() - begun >= 300);
      assert.equal((await control("faults", { sts: { slow: 1 } })).status, 400);
      await control("faults", {});
      await assume(server, orders);
    });

    it("refuses a trust policy that names nobody", async () => {
      const nobody = roleArn({ name: "nobody" });
      const message = `Invalid principal in policy: "AWS":"${nobody}"`;
      await refused(
        iam.send(
          new UpdateAssumeRolePolicyCommand({
            RoleName: "app-batch",
            PolicyDocument: trusting(nobody),
          }),
        ),
        "MalformedPolicyDocumentException",
        message,
      );
      await refused(
        iam.send(
          new CreateRoleCommand({ RoleName: "x", AssumeRolePolicyDocument: trusting(nobody) }),
        ),
        "MalformedPolicyDocumentException",
        message,
      );
      await refused(iam.send(new GetRoleCommand({ RoleName: "x" })), "NoSuchEntityException");
    });

    it("follows the principal and not its name when a role is created anew", async () => {
      const trust = await readTrust(iam, "app-orders");
      assert.ok(JSON.stringify(trust).includes(kiamServer));
      await iam.send(new DeleteRolePolicyCommand({ RoleName: "kiam-server", PolicyName: "roles" }));
      await iam.send(new DeleteRoleCommand({ RoleName: "kiam-server" }));
      await refused(identity(server), "InvalidClientTokenId");
      await iam.send(
        new CreateRoleCommand({
          RoleName: "kiam-server",
          AssumeRolePolicyDocument: trusting(roleArn({ name: nodeRoles.masters })),
        }),
      );
      await permit(maySwitchTo("*"));
      const again = await assume(await nodeCredentials(nodeRoles.masters), kiamServer);
      await refused(assume(again, orders), "AccessDenied", denied);
      const shown = JSON.stringify(await readTrust(iam, "app-orders"));
      assert.match(shown, /"AROA[A-Z0-9]{17}"/);
      assert.ok(!shown.includes(kiamServer));
      // The operator's step mends it: the dead id goes with the statement that is its own.
      assert.deepEqual(await addTrust(iam, ["app-orders"], kiamServer), [
        { role: "app-orders", changed: true },
      ]);
      await assume(again, orders);
    });

    it("says which trust policy names somebody who is gone", async () => {
      const old = roleArn({ name: "old" });
      const trust = trusting(roleArn({ name: nodeRoles.workers }));
      await iam.send(new CreateRoleCommand({ RoleName: "old", AssumeRolePolicyDocument: trust }));
      await iam.send(
        new UpdateAssumeRolePolicyCommand({
          RoleName: "app-batch",
          PolicyDocument: trusting(old),
        }),
      );
      await iam.send(new DeleteRoleCommand({ RoleName: "old" }));
      await assert.rejects(
        addTrust(iam, ["app-batch"], kiamServer),
        /kiam-server to trust policies:\n {2}role app-batch: .*names AROA[A-Z0-9]{17}, a role or user that was deleted/,
      );
    });

    async function permit(policy: string) {
      await iam.send(
        new PutRolePolicyCommand({
          RoleName: "kiam-server",
          PolicyName: "roles",
          PolicyDocument: policy,
        }),
      );
    }

    async function lastDecision(): Promise<string> {
      const lines = (await readFile(path.join(aws.directory, "decisions.jsonl"), "utf8")).trim();
      return (JSON.parse(lines.split("\n").at(-1) ?? "") as { why: string }).why;
    }
  });

  it("speaks instance metadata version 2", async () => {
    const token = (ttl?: string) =>
      metadata("api/token", {
        method: "PUT",
        headers: ttl === undefined ? {} : { "X-aws-ec2-metadata-token-ttl-seconds": ttl },
      });
    assert.equal((await token()).status, 400);
    assert.equal((await token("21601")).status, 400);
    const given = await token("60");
    assert.equal(given.headers.get("x-aws-ec2-metadata-token-ttl-seconds"), "60");
    const ask = (value: string) =>
      metadata("meta-data/placement/region", { headers: { "X-aws-ec2-metadata-token": value } });
    assert.equal(await (await ask(await given.text())).text(), "us-east-1");
    assert.equal((await ask("made-up")).status, 401);
  });

  it("answers the metadata paths that clients ask for, and nobody it does not know", async () => {
    await nodesAre({ "127.0.0.1": { name: "worker-10", role: nodeRoles.workers } });
    const read = async (at: string) => (await metadata(at)).text();
    assert.equal(await read("meta-data/iam/security-credentials/"), nodeRoles.workers);
    assert.match(await read("meta-data/instance-id"), /^i-0[0-9a-f]{16}$/);
    assert.equal(await read("meta-data/local-ipv4"), "127.0.0.1");
    assert.match(await read("meta-data/iam/info"), /instance-profile\/nodes\.lab\.k8s\.local/);
    assert.match(await read("dynamic/instance-identity/document"), /"region": "us-east-1"/);
    assert.equal(await read("meta-data/placement/"), "availability-zone\nregion");
    assert.equal((await metadata("meta-data/iam/security-credentials/other")).status, 404);
    await nodesAre({});
    assert.equal((await metadata("meta-data/instance-id")).status, 404);
  });

  it("lists the regions over https, to whoever may see them", async () => {
    // Asked by another SDK: what kube2iam asks before its first AssumeRole.
    const script = `
import boto3, os
ec2 = boto3.client("ec2", region_name="us-east-1", endpoint_url="https://${aws.at.tls}",
    verify="${path.join(aws.directory, "aws.crt")}")
try:
    print(len(ec2.describe_regions()["Regions"]))
except Exception as refusal:
    print(refusal)
`;
    const ask = async (credentials: Credentials) => {
      const { stdout } = await run(python, ["-c", script], {
        env: {
          ...process.env,
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
          AWS_SESSION_TOKEN: credentials.sessionToken,
        },
      });
      return stdout.trim();
    };
    await nodesAre({ "127.0.0.1": { name: "worker-1", role: nodeRoles.workers } });
    const node = await nodeCredentials();
    assert.equal(await ask(node), "17");
    assert.match(await ask(await assume(node, orders)), /UnauthorizedOperation/);
    assert.match(await ask({ ...node, secretAccessKey: "wrong" }), /AuthFailure/);
  });

  it("answers fifty callers at once", async () => {
    const all = await Promise.all(
      applicationRoles.flatMap((role) =>
        Array.from({ length: 13 }, (_, at) =>
          assume(aws.admin, roleArn(role), 900, `pod-${at}`).catch((problem: Error) => problem),
        ),
      ),
    );
    // The admin may assume anything, but no application role trusts it.
    assert.ok(all.every((one) => one instanceof Error && one.name === "AccessDenied"));
    const roles = await iam.send(new ListRolesCommand({}));
    assert.equal(roles.Roles?.length, 6);
  });
});
