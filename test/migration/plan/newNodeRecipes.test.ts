import assert from "node:assert/strict";

import { parse, parseAllDocuments } from "yaml";

import { newNodeRecipes } from "../../../migration/plan/newNodeRecipes.js";
import {
  describeNewNodes,
  newNodesNotice,
  newNodesSummary,
} from "../../../migration/plan/newNodesNotice.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import { exampleSettings } from "../../support/exampleCluster.js";

/*
 * Pure: the fields that matter, in the form their readers parse. Does not prove that kops, EKS or
 * Karpenter accept them; their documentation names them so.
 */

function settings(newNodes: SettingsInput["newNodes"], stage: SettingsInput["stage"] = "retire") {
  return parseSettings(exampleSettings({ stage, newNodes }));
}

function recipes(newNodes: SettingsInput["newNodes"]) {
  const all = newNodeRecipes(settings(newNodes).newNodes);
  const texts = Object.entries(all).map(([provider, { text }]) => [provider, text]);
  return Object.fromEntries(texts) as Record<keyof typeof all, string>;
}

const label = { keepKube2iamOff: "label", startupTaint: true } as const;
const taint = { keepKube2iamOff: "taint", startupTaint: true } as const;
const kiamOnly = "kube2iam-to-kiam/kiam-only=true";
const notReady = "kube2iam-to-kiam/agent-not-ready=true:NoSchedule";

describe("recipes for new nodes", () => {
  it("for kops: labels, taints, metadata options, and a script before nodeup's", () => {
    const { spec } = parse(recipes(label).kops) as { spec: Record<string, unknown> };
    assert.deepEqual(spec.nodeLabels, { "kube2iam-to-kiam/kiam-only": "true" });
    assert.deepEqual(spec.taints, [notReady]);
    assert.deepEqual(spec.instanceMetadata, { httpPutResponseHopLimit: 1, httpTokens: "required" });
    const [script] = spec.additionalUserData as { name: string; type: string }[];
    assert.equal(script?.type, "text/x-shellscript");
    assert.ok(script.name < "nodeup.sh", "cloud-init runs them by name");
    const tainted = parse(recipes(taint).kops) as { spec: Record<string, unknown> };
    assert.deepEqual(tainted.spec.taints, [`${kiamOnly}:NoSchedule`, notReady]);
    assert.equal(tainted.spec.nodeLabels, undefined);
  });

  it("for EKS managed node groups: effects in the API's form, labels and taints in the group", () => {
    const [group, template] = recipes(taint).eksManaged.split("# launch template data");
    const { labels, taints } = parse(group ?? "") as { labels: unknown; taints: unknown };
    assert.equal(labels, undefined);
    assert.deepEqual(taints, [
      { key: "kube2iam-to-kiam/kiam-only", value: "true", effect: "NO_SCHEDULE" },
      { key: "kube2iam-to-kiam/agent-not-ready", value: "true", effect: "NO_SCHEDULE" },
    ]);
    assert.match(template ?? "", /HttpPutResponseHopLimit: 1/);
    assert.doesNotMatch(template ?? "", /kubelet|agent-not-ready/);
  });

  it("for nodeadm and bootstrap.sh: kubelet's flags, one of a kind, after the script", () => {
    const { eksNodeadm, eksBootstrap, launchTemplate } = recipes(taint);
    const flag = `--register-with-taints=${kiamOnly}:NoSchedule,${notReady}`;
    const nodeConfig = eksNodeadm.split("application/node.eks.aws\n")[1]?.split("--BOUNDARY")[0];
    const config = parse(nodeConfig ?? "") as { kind: string; spec: { kubelet: unknown } };
    assert.equal(config.kind, "NodeConfig");
    assert.deepEqual(config.spec.kubelet, { flags: [flag] });
    assert.ok(eksBootstrap.includes(`--kubelet-extra-args '${flag}'`));
    assert.ok(launchTemplate.includes(`\n#   ${flag}\n`));
    assert.ok(eksBootstrap.indexOf("script at the end") < eksBootstrap.indexOf("bootstrap.sh"));
    assert.ok(recipes(label).eksNodeadm.includes(`- --node-labels=${kiamOnly}\n`));
  });

  it("for Karpenter: startup taints apart, so that it counts on their going", () => {
    const [pool, nodeClass] = parseAllDocuments(recipes(taint).karpenter).map(
      (document) => document.toJS() as { kind: string; spec: Record<string, unknown> },
    );
    assert.equal(pool?.kind, "NodePool");
    const { spec } = pool?.spec.template as { spec: Record<string, { key: string }[]> };
    assert.deepEqual(
      spec.taints?.map(({ key }) => key),
      ["kube2iam-to-kiam/kiam-only"],
    );
    assert.deepEqual(
      spec.startupTaints?.map(({ key }) => key),
      ["kube2iam-to-kiam/agent-not-ready"],
    );
    assert.deepEqual(nodeClass?.spec.metadataOptions, {
      httpPutResponseHopLimit: 1,
      httpTokens: "required",
    });
  });

  it("mark nothing where nothing is to be marked, and keep the boot guard", () => {
    for (const [provider, text] of Object.entries(recipes({}))) {
      assert.doesNotMatch(text, /kube2iam-to-kiam|\btaints\b|labels/i, provider);
      assert.match(text, /the script at the end/, provider);
    }
  });

  it("come as one text with the script in it, the same for the same settings", () => {
    const text = describeNewNodes(settings(label).newNodes, "#!/bin/sh\nguard\n");
    assert.ok(text.endsWith("#!/bin/sh\nguard"));
    assert.match(
      text,
      new RegExp(`^New workers get: the label ${kiamOnly}, the taint ${notReady}`),
    );
    for (const recipe of Object.values(recipes(label))) assert.ok(text.includes(recipe.trimEnd()));
    assert.equal(text, describeNewNodes(settings(label).newNodes, "#!/bin/sh\nguard\n"));
  });

  it("hold the script itself where they go into files", () => {
    const script = "#!/bin/sh\nset -eu\necho guard\n";
    const all = newNodeRecipes(settings(taint).newNodes, script);
    for (const { file, text } of Object.values(all)) {
      assert.doesNotMatch(text, /the script at the end|of the following/, file);
    }
    const { spec } = parse(all.kops.text) as {
      spec: { additionalUserData: { content: string }[] };
    };
    assert.equal(spec.additionalUserData[0]?.content.trimEnd(), script.trimEnd());
    const decoded = (text: string) =>
      Buffer.from((parse(text) as { UserData: string }).UserData, "base64").toString();
    assert.equal(decoded(all.launchTemplate.text), script);
    assert.match(decoded(all.eksManaged.text), /^MIME-Version: 1\.0\n[^]*\n#!\/bin\/sh\nset -eu\n/);
    assert.match(all.eksNodeadm.text, /\n\n#!\/bin\/sh\nset -eu\necho guard\n/);
    const [, nodeClass] = parseAllDocuments(all.karpenter.text);
    assert.match(String(nodeClass?.getIn(["spec", "userData"])), /\necho guard\n/);
    const files = Object.values(all).map(({ file }) => file);
    assert.equal(new Set(files).size, files.length);
  });

  it("are a short line in the stack's output, with the command that prints them", () => {
    const summary = newNodesSummary(settings(label), "staging");
    assert.match(summary, new RegExp(`^New workers get: the label ${kiamOnly}, .*boot guard\\. `));
    assert.match(summary, /kiam-migrate new-nodes --stack staging$/);
    assert.ok(summary.length < 400, summary);
  });

  it("are announced at stage retire, and at cutover where kube2iam is kept off", () => {
    const notice = (...args: Parameters<typeof settings>) =>
      newNodesNotice(settings(...args), "staging");
    assert.match(notice({}, "retire") ?? "", /new-nodes --stack staging; docs\/new-nodes\.md/);
    assert.equal(notice({ startupTaint: true }, "cutover"), undefined);
    assert.match(notice(label, "cutover") ?? "", new RegExp(kiamOnly));
    assert.equal(notice(label, "agent"), undefined);
  });
});
