import assert from "node:assert/strict";

import { auditServerRole } from "../../../migration/audit/roles/serverRole.js";
import { auditTrust } from "../../../migration/audit/roles/trust.js";
import { describeFindings } from "../../../migration/preview/describeFindings.js";
import type { Finding } from "../../../migration/audit/finding.js";
import { inFull } from "../../../migration/audit/judgement.js";
import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import type { ApplicationRoleFacts, IamFacts } from "../../../migration/facts/iamFacts.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import type { TrustDocument } from "../../../migration/iam/trust.js";
import {
  exampleIam,
  exampleRole,
  exampleSettings,
  exampleSituation,
  roleBaseArn,
} from "../../support/exampleCluster.js";
import { codes } from "../../support/findings.js";

/* Pure, from facts of IAM; test/lab/iamFacts.test.ts has how they are read. */

const arn = `${roleBaseArn}app-orders`;
const server = `${roleBaseArn}kiam-server`;
const partner = "arn:aws:iam::210987654321:role/partner";

function findings(
  iam: Partial<IamFacts> | undefined,
  settings: Partial<SettingsInput> = {},
  facts: Partial<ClusterFacts> = {},
): Finding[] {
  const situation = exampleSituation(
    { stage: "agent", ...settings },
    { iam: iam && exampleIam(iam), ...facts },
  );
  return [...auditTrust(situation), ...auditServerRole(situation)].map(inFull);
}

/** IAM as it should be, but for the role app-orders (or another). */
function withRole(change: Partial<ApplicationRoleFacts>, iam: Partial<IamFacts> = {}) {
  const role = exampleRole(change.arn ?? arn, change);
  return { roles: { ...exampleIam().roles, [role.arn]: role }, ...iam };
}

const naming = (...principals: string[]): TrustDocument => ({
  Statement: { Effect: "Allow", Principal: { AWS: principals }, Action: "sts:AssumeRole" },
});

const untrusting = { trustsServer: "denied", trust: naming("x") } as const;
const refused = { ok: false, message: "AccessDenied" };
const proven = { ok: true, message: "" };
const unmanaged: Partial<SettingsInput> = {
  iam: { manage: false, serverRoleArn: server, workerRoleName: "nodes.example.com" },
};

describe("audit of the roles in IAM", () => {
  it("finds nothing where the chain is whole, or where nobody looked", () => {
    assert.deepEqual(codes(findings({})), []);
    assert.deepEqual(codes(findings(undefined)), []);
  });

  describe("role-missing", () => {
    const gone = withRole({ exists: false, trust: undefined, trustsServer: "unknown" });

    it("names the role, and where one of its name is", () => {
      assert.deepEqual(codes(findings(gone, { stage: "prepare" })), [
        `blocks role-missing role/${arn}`,
      ]);
      assert.match(findings(gone)[0]?.seen ?? "", /orders\/orders-1/);
      const elsewhere = withRole({ exists: false, elsewhere: `${roleBaseArn}x/app-orders` });
      assert.match(
        findings(elsewhere)[0]?.seen ?? "",
        /role of that name is .*role\/x\/app-orders/,
      );
    });

    it("not for a role that this update creates", () => {
      const applicationRoles = [{ name: "kiam-probe" }, { name: "app-orders" }];
      const iam = { ...exampleSettings().iam, applicationRoles };
      assert.deepEqual(codes(findings(gone, { iam })), []);
    });
  });

  describe("role-does-not-trust-server and role-trusts-only-workers", () => {
    it("block from stage server on, and warn before", () => {
      const strange = withRole({ ...untrusting, trustsWorker: "denied" });
      assert.deepEqual(codes(findings(strange, { stage: "server" })), [
        `blocks role-does-not-trust-server role/${arn}`,
      ]);
      assert.deepEqual(codes(findings(strange, { stage: "prepare" })), [
        `warns role-does-not-trust-server role/${arn}`,
      ]);
      const asKube2iamNeedsIt = withRole(untrusting);
      const [finding] = findings(asKube2iamNeedsIt);
      assert.equal(finding?.code, "role-trusts-only-workers");
      assert.match(finding.fix, /kiam-migrate trust/);
    });

    it("say the same of every role that is as kube2iam needs it, so that it is read once", () => {
      const roles = Object.fromEntries(
        Object.keys(exampleIam().roles).map((each) => [each, exampleRole(each, untrusting)]),
      );
      const list = findings({ roles });
      assert.equal(list.length, 3);
      const [text = "", ...others] = describeFindings(list);
      assert.deepEqual(others, []);
      assert.match(text, /app-orders, .*kiam-probe, .*app-payments: its trust policy names/);
    });

    it("say so where the trust policy denies it", () => {
      const [finding] = findings(withRole({ ...untrusting, trustDenies: true }));
      assert.equal(finding?.code, "role-does-not-trust-server");
      assert.match(finding.seen, /denies/);
      assert.match(finding.fix, /take the denial out/);
    });

    it("warn as long as there is no kiam-server role to trust", () => {
      const early = withRole(untrusting, {
        serverRole: { arn: server, id: undefined, exists: false },
        mastersMayAssumeServer: undefined,
      });
      assert.deepEqual(codes(findings(early)), [
        `warns role-trusts-only-workers role/${arn}`,
        `blocks server-role-missing role/${server}`,
      ]);
    });

    it("not where STS gave a session of it", () =>
      assert.deepEqual(codes(findings(withRole({ ...untrusting, tried: proven }))), []));
  });

  describe("trust-names-gone-role", () => {
    it("blocks where the kiam-server role was created anew", () => {
      const [finding] = findings(withRole({ trustsServer: "denied", trust: naming("AROAOLD") }));
      assert.deepEqual([finding?.code, finding?.severity], ["trust-names-gone-role", "blocks"]);
      assert.match(finding?.seen ?? "", /AROAOLD/);
    });

    it("warns where the role works, and cannot be changed", () => {
      assert.deepEqual(codes(findings(withRole({ trust: naming(server, "AROAOLD") }))), [
        `warns trust-names-gone-role role/${arn}`,
      ]);
      assert.deepEqual(codes(findings(withRole({ trust: naming("AROAEXAMPLESERVER") }))), []);
    });
  });

  describe("server-role-missing", () => {
    it("blocks from stage server on", () => {
      const missing = {
        serverRole: { arn: server, id: undefined, exists: false },
        mastersMayAssumeServer: undefined,
      };
      assert.deepEqual(codes(findings(missing, { stage: "server" })), [
        `blocks server-role-missing role/${server}`,
      ]);
      assert.deepEqual(codes(findings(missing, { stage: "prepare" })), []);
    });
  });

  describe("server-role-may-not-assume", () => {
    const denied = withRole({
      serverMay: "denied",
      serverReasons: [`no policy of ${server} allows sts:AssumeRole on ${arn}`],
    });

    it("blocks where the role is not this program's, and warns where the update writes its policy", () => {
      assert.deepEqual(codes(findings(denied, unmanaged)), [
        `blocks server-role-may-not-assume role/${arn}`,
      ]);
      const list = findings(denied);
      assert.deepEqual(codes(list), [`warns server-role-may-not-assume role/${arn}`]);
      assert.match(list[0]?.seen ?? "", /no policy of/);
    });

    it("leaves to role-not-assumable what the setting does not cover", () => {
      const iam = { ...exampleSettings().iam, assumableRoles: [`${roleBaseArn}teams/*`] };
      assert.deepEqual(codes(findings(denied, { iam })), []);
    });
  });

  describe("masters-may-not-assume-server", () => {
    it("blocks from stage server on", () => {
      const denied = {
        mastersMayAssumeServer: { verdict: "denied" as const, reasons: ["does not name it"] },
      };
      assert.deepEqual(codes(findings(denied, { stage: "server" })), [
        `blocks masters-may-not-assume-server role/${server}`,
      ]);
      assert.deepEqual(codes(findings(denied, { stage: "prepare" })), [
        `warns masters-may-not-assume-server role/${server}`,
      ]);
      assert.deepEqual(codes(findings({ mastersMayAssumeServer: undefined })), []);
    });
  });

  describe("trust-unclear", () => {
    it("warns, and blocks from stage cutover on, where conditions decide", () => {
      const conditional = withRole({
        trustsServer: "unknown",
        reasons: ["whether it lets it in depends on conditions"],
      });
      const unclear = `trust-unclear role/${arn}`;
      assert.deepEqual(codes(findings(conditional)), [`warns ${unclear}`]);
      assert.deepEqual(codes(findings(conditional, { stage: "cutover" })), [`blocks ${unclear}`]);
      const server = withRole({ serverMay: "unknown", serverReasons: ["depends on variables"] });
      assert.deepEqual(codes(findings(server)), [`warns ${unclear}`]);
      assert.equal(findings(server)[0]?.seen, "depends on variables");
      const masters = { mastersMayAssumeServer: { verdict: "unknown" as const, reasons: ["x"] } };
      assert.equal(findings(masters)[0]?.code, "trust-unclear");
      assert.deepEqual(codes(findings(withRole({ trustsServer: "unknown", tried: proven }))), []);
    });

    it("says of a role of another account that it cannot be read from here", () => {
      const foreign = withRole({
        arn: partner,
        exists: undefined,
        trust: undefined,
        trustsServer: "unknown",
      });
      const list = findings(foreign);
      assert.deepEqual(codes(list), [`warns trust-unclear role/${partner}`]);
      assert.match(list[0]?.seen ?? "", /belongs to account 210987654321/);
    });
  });

  describe("iam-unread", () => {
    const unread = withRole(
      { exists: undefined, trust: undefined, trustsServer: "unknown", serverMay: "unknown" },
      { unread: ["a", "b", "c", "d"].map((name) => `role ${name}: refused`), account: undefined },
    );

    it("is said once for everything, and blocks from stage cutover on", () => {
      const list = findings(unread);
      assert.deepEqual(codes(list), ["warns iam-unread iam"]);
      assert.match(list[0]?.seen ?? "", /role a: refused, .* and 1 more/);
      assert.deepEqual(codes(findings(unread, { stage: "cutover" })), ["blocks iam-unread iam"]);
    });

    it("does not block where every role was assumed for real", () => {
      const roles = Object.fromEntries(
        Object.keys(exampleIam().roles).map((each) => [each, exampleRole(each, { tried: proven })]),
      );
      assert.deepEqual(codes(findings({ ...unread, roles }, { stage: "cutover" })), [
        "warns iam-unread iam",
      ]);
    });
  });

  describe("roles-not-listed and assume-role-not-tried", () => {
    it("inform", () => {
      assert.deepEqual(codes(findings({ account: undefined, notTried: "you may not" })), [
        "informs roles-not-listed iam",
        "informs assume-role-not-tried iam",
      ]);
    });
  });

  describe("assume-role-refused", () => {
    it("blocks where the policies have no explanation", () => {
      assert.deepEqual(codes(findings(withRole({ tried: refused }), { stage: "prepare" })), [
        `blocks assume-role-refused role/${arn}`,
      ]);
      assert.deepEqual(codes(findings(withRole({ tried: refused, ...untrusting }))), [
        `blocks role-trusts-only-workers role/${arn}`,
      ]);
      assert.deepEqual(codes(findings(withRole({ tried: proven }))), []);
    });
  });
});
