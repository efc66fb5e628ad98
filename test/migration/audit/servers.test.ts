import assert from "node:assert/strict";

import type { CertificateFacts } from "../../../migration/facts/clusterFacts.js";
import { exampleFacts, exampleNamespace, examplePod } from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/* Pure: findings about what kiam's server and agent need around them appear with their cause, and go with it. */

describe("audit of the masters' CA path", () => {
  const on = (osImage: string, caHostPath: string, stage: "prepare" | "server" = "server") => {
    const nodes = exampleFacts().nodes.map((node) =>
      node.name === "master-1" ? { ...node, osImage } : node,
    );
    return findings({ stage, kiam: { region: "eu-west-1", caHostPath } }, { nodes }).filter(
      (each) => each.object === "node/master-1",
    );
  };
  const redHat = "/etc/pki/ca-trust/extracted/pem";

  it("knows where each OS image keeps its certificates, and blocks the usual path of another", () => {
    for (const [osImage, right, wrong] of [
      ["Amazon Linux 2", redHat, "/etc/ssl/certs"],
      ["Amazon Linux 2023.6.20250115", redHat, "/usr/share/ca-certificates"],
      ["Red Hat Enterprise Linux CoreOS 414.92", redHat, "/etc/ssl/certs"],
      ["CentOS Linux 7 (Core)", redHat, "/etc/ssl/certs/"],
      ["Rocky Linux 9.3 (Blue Onyx)", redHat, "/etc/ssl/certs"],
      ["Fedora CoreOS 40.20240519.3.0", redHat, "/etc/ssl/certs"],
      ["Debian GNU/Linux 12 (bookworm)", "/etc/ssl/certs", redHat],
      ["Ubuntu 22.04.5 LTS", "/etc/ssl/certs/", "/usr/share/ca-certificates"],
      ["Flatcar Container Linux by Kinvolk 3815.2.0 (Oklo)", "/etc/ssl/certs", redHat],
      ["Bottlerocket OS 1.19.2 (aws-k8s-1.28)", "/etc/pki/tls/certs", redHat],
    ] as const) {
      assert.deepEqual(codes(on(osImage, right)), [], osImage);
      const list = on(osImage, wrong);
      assert.deepEqual(codes(list), ["blocks ca-path-wrong node/master-1"], osImage);
      assert.ok(list[0]?.fix.endsWith(right.replace(/\/$/, "")), list[0]?.fix);
    }
  });

  it("warns before stage server", () => {
    assert.deepEqual(codes(on("Amazon Linux 2", "/etc/ssl/certs", "prepare")), [
      "warns ca-path-wrong node/master-1",
    ]);
  });

  it("does not judge an image that it does not know, nor a directory of somebody's own", () => {
    assert.deepEqual(codes(on("Talos (v1.6.1)", redHat)), []);
    assert.deepEqual(codes(on("Amazon Linux 2", "/opt/certificates")), []);
  });
});

describe("audit of the server's port", () => {
  const kiam = { region: "eu-west-1", serverHostNetwork: true };
  const apiServer = examplePod("kube-system", "kube-apiserver-master-1", {
    node: "master-1",
    hostNetwork: true,
    hostPorts: [443, 8080],
    controller: "Node",
  });
  const server = examplePod("kiam", "kiam-server-abcde", {
    node: "master-1",
    hostNetwork: true,
    hostPorts: [8443],
    controller: "DaemonSet",
  });

  it("blocks a port of the masters that another pod has, from stage server on", () => {
    const object = "server-port-in-use pod/kube-system/kube-apiserver-master-1";
    assert.deepEqual(codes(findings({ stage: "server", kiam }, { pods: [apiServer] })), [
      `blocks ${object}`,
    ]);
    assert.deepEqual(codes(findings({ stage: "prepare", kiam }, { pods: [apiServer] })), [
      `warns ${object}`,
    ]);
  });

  it("is silent about a free port, kiam's own pod, and a server with a network of its own", () => {
    const pods = [apiServer, server];
    assert.deepEqual(codes(findings({ kiam: { ...kiam, serverPort: 8443 } }, { pods })), []);
    assert.deepEqual(codes(findings({ kiam: { region: "eu-west-1" } }, { pods })), []);
  });
});

describe("audit of PodSecurity admission", () => {
  const having = (name: string, level: string, stage: "prepare" | "server" = "server") => {
    const enforcing = exampleNamespace(name, {
      owned: true,
      labels: { "pod-security.kubernetes.io/enforce": level },
      permitted: ".*",
    });
    return codes(
      findings(
        { stage, probe: { role: "kiam-probe", namespace: name } },
        { namespaces: [...exampleFacts().namespaces, enforcing] },
      ),
    );
  };

  it("blocks kiam's namespace where it enforces a level that kiam's pods do not satisfy", () => {
    const object = "pod-security-rejects-kiam namespace/kiam";
    assert.deepEqual(having("kiam", "baseline"), [`blocks ${object}`]);
    assert.deepEqual(having("kiam", "restricted"), [`blocks ${object}`]);
    assert.deepEqual(having("kiam", "restricted", "prepare"), [`warns ${object}`]);
  });

  it("is silent where it is privileged, and about the probe pods, which satisfy every level", () => {
    assert.deepEqual(having("kiam", "privileged"), []);
    assert.deepEqual(having("probes", "restricted"), []);
  });
});

describe("audit of certificates", () => {
  const observedAt = "2024-06-01T00:00:00.000Z";
  const after = (days: number) =>
    new Date(Date.parse(observedAt) + days * 86_400_000).toISOString();
  const seen = (certificate: CertificateFacts) =>
    findings({}, { observedAt, certificates: [certificate] });
  const valid = (left: number, life = 365) =>
    seen({ secret: "kiam-server-tls", notBefore: after(left - life), notAfter: after(left) });
  const object = "secret/kiam/kiam-server-tls";

  it("warns a month before the end, blocks at two days", () => {
    assert.deepEqual(codes(valid(31)), []);
    assert.deepEqual(codes(valid(29)), [`warns certificate-expires ${object}`]);
    assert.deepEqual(codes(valid(1)), [`blocks certificate-expires ${object}`]);
    assert.match(valid(29)[0]?.seen ?? "", /in 29 days/);
    assert.match(valid(-1)[0]?.seen ?? "", /it expired 2024-05-31/);
  });

  it("leaves a short-lived one the time that its issuer takes", () => {
    assert.deepEqual(codes(valid(26, 90)), []);
    assert.deepEqual(codes(valid(20, 90)), [`warns certificate-expires ${object}`]);
    assert.deepEqual(codes(valid(1.5, 4)), []);
  });

  it("says how to renew it, as it is made", () => {
    const certificates = [
      { secret: "s", notBefore: after(-360), notAfter: after(5) },
    ] satisfies CertificateFacts[];
    const fix = (tls: Parameters<typeof findings>[0]) =>
      findings(tls, { observedAt, certificates })[0]?.fix ?? "";
    assert.match(fix({}), /pulumi up --replace/);
    const kiam = { region: "eu-west-1" };
    const issuer = { name: "internal" };
    assert.match(
      fix({ kiam: { ...kiam, tls: { mode: "cert-manager", issuer } } }),
      /ClusterIssuer internal/,
    );
    assert.match(
      fix({ kiam: { ...kiam, tls: { mode: "secrets", serverSecret: "s", agentSecret: "s" } } }),
      /one CA/,
    );
  });

  it("names a secret that holds none, and one that may not be read", () => {
    assert.deepEqual(codes(seen({ secret: "kiam-server-tls", invalid: "it has no ca.crt" })), [
      `blocks certificate-invalid ${object}`,
    ]);
    assert.deepEqual(codes(seen({ secret: "kiam-server-tls", unread: "403" })), [
      `warns certificate-unread ${object}`,
    ]);
  });
});
