/**
 * IAM's readers and the one writer against the lab's AWS, by the environment as the command
 * line has it.
 *
 * Not proven here: that AWS itself decides so; the rules come from its documentation. All share one
 * AWS with its roles, which takes seconds to start: one file.
 */
import assert from "node:assert/strict";
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
  type IAMClient,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";

import { applyTrust, readTrust } from "../../automation/applyTrust.js";
import { nodeRoles, roleArn, seedRoles } from "../../lab/workload/roles.js";
import type { IamFacts } from "../../migration/facts/iamFacts.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { planServerTrust, planWorkerRemoval } from "../../migration/iam/trustPlan.js";
import { readIamFacts, type IamFactsOptions } from "../../cluster/facts/iamFacts.js";
import { exampleFacts, examplePod, exampleSettings } from "../support/exampleCluster.js";
import { skipBecause } from "../support/requirements.js";
import { labPython, startAws, type AwsServer, type Credentials } from "./awsServer.js";

const kiamServer = roleArn({ name: "kiam-server" });
const masters = roleArn({ name: nodeRoles.masters });
const workers = roleArn({ name: nodeRoles.workers });
const orders = roleArn({ name: "app-orders" });
const payments = roleArn({ name: "app-payments", path: "/teams/payments/" });
const batch = roleArn({ name: "app-batch" });
const wrongPath = roleArn({ name: "app-reports", path: "/wrong/" });
const foreign = "arn:aws:iam::210987654321:role/partner";

const document = (...statements: object[]) =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
const trusting = (...arns: string[]) =>
  document({ Effect: "Allow", Principal: { AWS: arns }, Action: "sts:AssumeRole" });
const maySwitchTo = (...arns: string[]) =>
  document({ Effect: "Allow", Action: "sts:AssumeRole", Resource: arns });

const settings = parseSettings(
  exampleSettings({
    iam: { masterRoleName: nodeRoles.masters, workerRoleName: nodeRoles.workers },
    probe: { role: "app-batch" },
  }),
);
const facts = exampleFacts({
  pods: [
    examplePod("orders", "orders-1", { role: "app-orders" }),
    examplePod("payments", "payments-1", { role: "teams/payments/app-payments" }),
    examplePod("reports", "reports-1", { role: "wrong/app-reports" }),
    examplePod("reports", "reports-2", { role: foreign }),
    examplePod("orders", "on-the-host", { role: "whatever", hostNetwork: true }),
  ],
});

describe("facts from IAM", () => {
  let aws: AwsServer;
  let iam: IAMClient;
  const environment = process.env;

  before(async function () {
    const found = labPython();
    if ("missing" in found) return skipBecause(this, found.missing);
    aws = await startAws(found.python, {});
    iam = aws.iam(aws.admin);
    await seedRoles(iam);
    as(aws.admin);
  });

  after(async () => {
    process.env = environment;
    if (aws) assert.equal(await aws.stop(), 0);
  });

  function as(credentials: Credentials) {
    process.env = {
      ...environment,
      AWS_ENDPOINT_URL: `http://${aws.at.plain}`,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      ...(credentials.sessionToken && { AWS_SESSION_TOKEN: credentials.sessionToken }),
    };
  }

  async function read(options?: IamFactsOptions): Promise<IamFacts> {
    const read = await readIamFacts(settings, facts, options);
    assert.ok(read !== undefined);
    return read;
  }

  const verdicts = ({ roles }: IamFacts) =>
    Object.fromEntries(
      Object.entries(roles).map(([arn, { exists, trustsServer, trustsWorker, serverMay }]) => [
        arn,
        [exists, trustsServer, trustsWorker, serverMay],
      ]),
    );

  it("reads nothing where the account is not known", async () => {
    assert.equal(await readIamFacts(settings, { ...facts, kube2iam: undefined }), undefined);
  });

  it("before stage prepare: no kiam-server role, and roles that trust the workers", async () => {
    const before = await read({ tryAssumeRole: true });
    assert.deepEqual(before.serverRole, { arn: kiamServer, id: undefined, exists: false });
    assert.equal(before.mastersMayAssumeServer, undefined);
    assert.equal(before.workerRoleArn, workers);
    assert.deepEqual(verdicts(before), {
      [batch]: [true, "denied", "allowed", "unknown"],
      [orders]: [true, "denied", "allowed", "unknown"],
      [payments]: [true, "denied", "allowed", "unknown"],
      [wrongPath]: [false, "unknown", "unknown", "unknown"],
      [foreign]: [undefined, "unknown", "unknown", "unknown"],
    });
    assert.equal(before.roles[wrongPath]?.elsewhere, roleArn({ name: "app-reports" }));
    assert.deepEqual(before.unread, []);
    assert.equal(before.account?.length, 6);
    assert.ok(before.account.includes(payments));
  });

  describe("with a kiam-server role", () => {
    before(async () => {
      await createServerRole(masters, `arn:aws:iam::123456789012:user/admin`);
      await iam.send(
        new PutRolePolicyCommand({
          RoleName: nodeRoles.masters,
          PolicyName: "kiam",
          PolicyDocument: maySwitchTo(kiamServer),
        }),
      );
    });

    async function createServerRole(...trusted: string[]) {
      await iam.send(
        new CreateRoleCommand({
          RoleName: "kiam-server",
          AssumeRolePolicyDocument: trusting(...trusted),
        }),
      );
      await iam.send(
        new PutRolePolicyCommand({
          RoleName: "kiam-server",
          PolicyName: "roles",
          PolicyDocument: maySwitchTo(orders, payments),
        }),
      );
    }

    it("sees the chain from the masters on, and what each role lacks", async () => {
      const { mastersMayAssumeServer, ...rest } = await read();
      assert.deepEqual(mastersMayAssumeServer, { verdict: "allowed", reasons: [] });
      assert.match(rest.serverRole.id ?? "", /^AROA/);
      const roles = verdicts({ mastersMayAssumeServer, ...rest });
      assert.deepEqual(roles[orders], [true, "denied", "allowed", "allowed"]);
      assert.deepEqual(roles[batch], [true, "denied", "allowed", "denied"]);
    });

    it("adds the trust that was shown, once, and leaves alone what has changed since", async () => {
      const { changes, unknown } = planServerTrust(await read());
      assert.deepEqual(
        unknown.map(({ arn }) => arn),
        [wrongPath, foreign].sort(),
      );
      await iam.send(
        new UpdateAssumeRolePolicyCommand({
          RoleName: "app-batch",
          PolicyDocument: trusting(workers, masters),
        }),
      );
      const applied = await applyTrust(iam, changes);
      assert.deepEqual(applied.written, [orders, payments]);
      assert.deepEqual(applied.unchanged, []);
      assert.deepEqual(
        applied.failed.map(({ arn }) => arn),
        [batch],
      );
      assert.match(applied.failed[0]?.message ?? "", /changed since it was shown/);
      assert.deepEqual(await applyTrust(iam, changes.slice(1)), {
        written: [],
        unchanged: [orders, payments],
        failed: [],
      });
      const now = await read();
      assert.deepEqual(verdicts(now)[payments], [true, "allowed", "allowed", "allowed"]);
      const again = await applyTrust(iam, planServerTrust(now).changes);
      assert.deepEqual(again, { written: [batch], unchanged: [orders, payments], failed: [] });
    });

    it("assumes each role for real, through the kiam-server role", async () => {
      const { roles, notTried, unread } = await read({ tryAssumeRole: true });
      assert.equal(notTried, undefined);
      assert.deepEqual(unread, []);
      assert.deepEqual(roles[orders]?.tried, { ok: true, message: "" });
      assert.equal(roles[batch]?.tried?.ok, false);
      assert.match(roles[batch].tried.message, /kiam-server\/kiam-migrate is not authorized/);
    });

    it("takes the workers' role out again, after kube2iam", async () => {
      const removals = planWorkerRemoval(await read());
      assert.ok(removals !== undefined);
      const { written, failed } = await applyTrust(iam, removals.changes);
      assert.deepEqual([written, failed], [[batch, orders, payments], []]);
      assert.ok(!JSON.stringify(await readTrust(iam, "app-orders")).includes(workers));
      assert.deepEqual(verdicts(await read())[orders], [true, "allowed", "denied", "allowed"]);
    });

    it("recognises a kiam-server role that was created anew, and mends the trust", async () => {
      await iam.send(new DeleteRolePolicyCommand({ RoleName: "kiam-server", PolicyName: "roles" }));
      await iam.send(new DeleteRoleCommand({ RoleName: "kiam-server" }));
      await createServerRole(masters);
      const changes = planServerTrust(await read()).changes;
      assert.deepEqual(
        changes.map(({ reason }) => reason),
        ["recreated", "recreated", "recreated"],
      );
      const { written } = await applyTrust(iam, changes);
      assert.deepEqual(written, [batch, orders, payments]);
    });

    it("says that the operator may not assume the kiam-server role", async () => {
      const { notTried, roles } = await read({ tryAssumeRole: true });
      assert.match(notTried ?? "", /your own credentials may not assume .*kiam-server/);
      assert.equal(roles[orders]?.tried, undefined);
      assert.equal(roles[orders]?.trustsServer, "allowed");
    });

    it("reads role by role where listing is refused, and says what it may not read", async () => {
      const auditor = await mayOnly("iam:GetRole");
      as(auditor);
      const { account, unread, roles, serverRole } = await read();
      as(aws.admin);
      assert.equal(account, undefined);
      assert.equal(serverRole.exists, true);
      assert.deepEqual(
        unread.map((each) => each.split(":")[0]),
        [`policies of role kiam-server`, `policies of role ${nodeRoles.masters}`],
      );
      assert.deepEqual(
        Object.values(roles).map(({ exists, serverMay }) => [exists, serverMay]),
        [
          [true, "unknown"],
          [true, "unknown"],
          [true, "unknown"],
          [false, "unknown"],
          [undefined, "unknown"],
        ],
      );
    });

    async function mayOnly(...actions: string[]): Promise<Credentials> {
      await iam.send(
        new CreateRoleCommand({
          RoleName: "auditor",
          AssumeRolePolicyDocument: trusting("arn:aws:iam::123456789012:root"),
        }),
      );
      await iam.send(
        new PutRolePolicyCommand({
          RoleName: "auditor",
          PolicyName: "reads",
          PolicyDocument: document({ Effect: "Allow", Action: actions, Resource: "*" }),
        }),
      );
      const { Credentials: given } = await aws.sts(aws.admin).send(
        new AssumeRoleCommand({
          RoleArn: roleArn({ name: "auditor" }),
          RoleSessionName: "audit",
          DurationSeconds: 900,
        }),
      );
      return {
        accessKeyId: given?.AccessKeyId ?? "",
        secretAccessKey: given?.SecretAccessKey ?? "",
        sessionToken: given?.SessionToken,
      };
    }
  });

  it("knows nothing with credentials of nobody, and says so once", async () => {
    as({ accessKeyId: "AKIAUNKNOWN000000000", secretAccessKey: "x" });
    const { unread, roles, account, noAccess } = await read();
    assert.equal(noAccess?.code, "aws-credentials-refused");
    assert.equal(unread.length, 1);
    assert.match(unread[0] ?? "", /IAM could not be asked: .*token.*invalid/);
    assert.equal(account, undefined);
    assert.deepEqual(verdicts({ ...(await read()), roles })[orders], [
      undefined,
      "unknown",
      undefined,
      "unknown",
    ]);
    as(aws.admin);
  });

  it("tells credentials of another account from roles that are missing", async () => {
    const kiam = { ...settings.kiam, roleBaseArn: "arn:aws:iam::210987654321:role/" };
    const read = await readIamFacts({ ...settings, kiam }, facts);
    assert.equal(read?.noAccess?.code, "aws-other-account");
    assert.deepEqual(read.unread, [
      "your AWS credentials are of account 123456789012, and the roles are in account 210987654321",
    ]);
  });
});
