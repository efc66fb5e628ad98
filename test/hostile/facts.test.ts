import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { KubeConfig } from "@kubernetes/client-node";
import fc from "fast-check";

import { auditAsText } from "../../cli/audit/auditAnswer.js";
import { situationOf } from "../../migration/situation/situation.js";
import { GateError } from "../../migration/text/problem.js";
import { audit } from "../../migration/audit/audit.js";
import { AuditError } from "../../migration/audit/refuse.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { previewAsMarkdown, previewAsText } from "../../migration/preview/describePreview.js";
import { agentLabels } from "../../migration/kiam/names.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { previewPlan } from "../../migration/preview/planPreview.js";
import { podVerdicts } from "../../migration/situation/podVerdicts.js";
import { readClusterFacts } from "../../cluster/facts/readCluster.js";
import { shown, shownJson } from "../../migration/text/shown.js";
import { stages } from "../../migration/stages.js";
import {
  exampleIam,
  exampleRole,
  exampleSettings,
  roleBaseArn,
} from "../support/exampleCluster.js";
import { forged, hostileText, unshowableIn } from "../support/hostile.js";

/*
 * Hostile values in everything that an API server answers, through the reader, the audit and the
 * plan to what is printed. Names are the API server's own to check: a name that is none is refused.
 */

/** What the API server answers, by path; what is not there is not found. */
let answers: Record<string, object> = {};

function cluster(text: () => string): Record<string, object> {
  const meta = (name: string, namespace?: string) => ({
    name,
    namespace,
    uid: text(),
    labels: { [text()]: text(), "eks.amazonaws.com/nodegroup": text() },
    managedFields: [{ manager: text(), fieldsV1: { "f:iam.amazonaws.com/permitted": {} } }],
    annotations: {
      "kube2iam-to-kiam/cutover": text(),
      "iam.amazonaws.com/role": text(),
      "iam.amazonaws.com/permitted": text(),
      "iam.amazonaws.com/allowed-roles": JSON.stringify([text()]),
    },
  });
  const node = (name: string, address: string) => ({
    metadata: meta(name),
    spec: { providerID: text(), taints: [{ key: text(), value: text(), effect: text() }] },
    status: {
      addresses: [
        { type: "InternalIP", address: text() },
        { type: "InternalIP", address },
        { type: "ExternalIP", address: text() },
        { type: "Hostname", address: text() },
      ],
      conditions: [{ type: "Ready", status: "True" }],
      nodeInfo: { bootID: text(), osImage: text() },
    },
  });
  const pod = (name: string, namespace: string) => ({
    metadata: {
      ...meta(name, namespace),
      ownerReferences: [{ kind: text(), name: text(), uid: "of-kube2iam", controller: true }],
    },
    spec: { nodeName: "worker-1", containers: [{ name: "main", image: text() }] },
    status: { phase: "Running", podIP: text() },
  });
  const agent = {
    metadata: { ...meta("kiam-agent-1", "kiam"), labels: agentLabels },
    spec: { nodeName: "worker-1", containers: [{ name: "kiam", args: [`--port=${text()}`] }] },
    status: { phase: "Running" },
  };
  const master = node("master-1", "10.0.0.10");
  Object.assign(master.metadata.labels, { "node-role.kubernetes.io/control-plane": "" });
  const hook = { preStop: { exec: { command: ["sh", "-c", text()] } } };
  return {
    "/api/v1/nodes": {
      items: [master, node("worker-1", "10.0.0.11"), node("constructor", "10.0.0.12")],
    },
    "/api/v1/namespaces": {
      items: [{ metadata: meta("orders") }, { metadata: meta("constructor") }],
    },
    "/api/v1/pods": {
      items: [pod("orders-1", "orders"), pod("other", "constructor"), agent],
    },
    "/apis/apps/v1/namespaces/kube-system/daemonsets/kube2iam": {
      metadata: { name: "kube2iam", namespace: "kube-system", uid: "of-kube2iam" },
      spec: {
        template: {
          spec: {
            containers: [
              {
                name: text(),
                image: text(),
                args: [`--base-role-arn=${roleBaseArn}`, `--default-role=${text()}`, text()],
                lifecycle: hook,
              },
            ],
            tolerations: [{ key: text(), effect: text() }],
          },
        },
      },
    },
    "/api/v1/namespaces/kiam/configmaps/kube2iam-to-kiam": { data: { "kube2iam.json": text() } },
    "/api/v1/namespaces/kiam/configmaps/kube2iam-to-kiam-notes": {
      data: { preStopToken: text(), connectionsLeft: text() },
    },
  };
}

/** What is known besides the Kubernetes API. */
function otherFacts(text: () => string): Partial<ClusterFacts> {
  const arn = `${roleBaseArn}${text()}`;
  return {
    certificates: [
      { secret: "kiam-server-tls", invalid: text() },
      { secret: "kiam-agent-tls", unread: text() },
    ],
    rules: {
      "worker-1": { unread: text(), forbidden: true },
      constructor: { unread: text(), forbidden: false },
    },
    overSsh: {
      "worker-1": { failed: "connect", message: text() },
      constructor: {
        interfaces: [text()],
        listening: [{ port: 8881, program: text() }],
        serversBlocked: [text()],
        natRules: [{ backend: "nft" as const, rules: [text(), text()] }],
        inForce: "kube2iam" as const,
        kube2iamRules: [],
      },
    },
    kube2iamLog: {
      requests: 1,
      paths: [
        { path: text(), requests: 9, askers: [{ who: text(), namespace: "orders", requests: 9 }] },
      ],
      credentials: {},
      churning: [{ namespace: "orders", name: text(), requests: 99, minutes: 9 }],
      minutes: {},
      unread: [text()],
    },
    iam: exampleIam({
      roles: {
        [arn]: exampleRole(arn, {
          reasons: [text()],
          serverReasons: [text()],
          trustsServer: "denied",
          tried: { ok: false, message: text() },
        }),
      },
      unread: [text()],
    }),
  };
}

describe("hostile values in everything that is read", () => {
  let server: Server;
  const config = new KubeConfig();

  before(async () => {
    server = createServer((request, response) => {
      const path = new URL(request.url ?? "", "http://localhost").pathname;
      const list = /\/(deployments|statefulsets|cronjobs|networkpolicies)$/.test(path);
      const answer =
        answers[path] ??
        (path.includes("/admissionregistration.k8s.io/") ? { resources: [] } : undefined) ??
        (list ? { items: [] } : undefined);
      response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer ?? { message: "not found" }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    config.loadFromClusterAndUser(
      { name: "fake", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: "nobody" },
    );
  });
  after(() => server.close());

  it("come out raw nowhere: not in the plan, not on a terminal, not in Markdown", async () => {
    const settings = parseSettings(
      exampleSettings({
        kube2iam: { port: 8181, interface: "cni0" },
        kiam: { region: "eu-west-1", roleBaseArn },
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(hostileText),
        fc.constantFrom(...stages),
        async (texts, stage) => {
          const text = () => texts.next().value as string;
          answers = cluster(text);
          const facts = { ...(await readClusterFacts(config, settings)), ...otherFacts(text) };
          const staged = { ...settings, stage };
          const findings = audit(situationOf(staged, facts));
          assert.ok(findings.some(({ code }) => code === "agent-port-changed"));
          const plan = makePlan(situationOf(staged, facts));
          const workers = plan.waves.flatMap((wave) => wave.workers);
          assert.deepEqual(workers.map(({ name, hostIp }) => [name, hostIp]).sort(), [
            ["constructor", "10.0.0.12"],
            ["worker-1", "10.0.0.11"],
          ]);
          for (const { generation, address, hostKey, providerId } of workers) {
            assert.match(`${generation} ${plan.drainAttempt}`, /^[0-9a-f]{12} [0-9a-f]{12}$/);
            assert.match(address ?? "", /^[\w.:-]+$/);
            assert.equal(providerId, undefined);
            assert.ok(hostKey === undefined || typeof hostKey === "string");
          }
          assert.match(plan.preStopToken, /^([0-9a-f]{12}|none)$/);
          const preview = previewPlan("staging", plan, facts, {
            blocking: findings,
            kiamPort: 8881,
            known: {
              "worker-1": { from: "ssh", present: [{ backend: "nft", rules: [text(), text()] }] },
            },
            unread: text,
          });
          const lookedAt = { iam: true, log: true, ssh: true };
          const answer = {
            stack: "staging",
            stage,
            lookedAt,
            findings,
            pods: podVerdicts(situationOf(settings, facts)),
          };
          const problem = { what: text(), where: text(), why: text(), fix: text() };
          const printed = {
            audit: shown(auditAsText(answer)),
            auditJson: shownJson(answer, 2),
            error: new AuditError(findings).message,
            gate: new GateError(`worker-1 said ${text()}`, [problem]).message,
            preview: shown(previewAsText(preview)),
            previewJson: shownJson(preview, 2),
            markdown: previewAsMarkdown(preview),
          };
          for (const [way, output] of Object.entries(printed)) {
            assert.deepEqual(unshowableIn(output), [], way);
            assert.ok(
              !output.split("\n").some((line) => line.startsWith(forged)),
              `${way}: a forged line`,
            );
          }
          const outside = printed.markdown.replace(/^(`{3,})diff\n[^]*?\n\1$/gm, "");
          assert.doesNotMatch(outside, /<(?!\/?(details|summary|code)>)/);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("are refused where they stand as a name", async () => {
    const settings = parseSettings(exampleSettings());
    for (const name of ["x\nid #", "$(id)", "../etc", "Worker", "<!--", "\u001b[2J", ""]) {
      answers = cluster(() => "");
      answers["/api/v1/nodes"] = { items: [{ metadata: { name } }] };
      await assert.rejects(readClusterFacts(config, settings), (error: Error) => {
        assert.deepEqual(unshowableIn(error.message), []);
        return /no Kubernetes name/.test(error.message);
      });
    }
  });
});
