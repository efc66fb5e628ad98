/** Pure: recognising, writing and validating credential rules. What iptables prints: test/worker. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  capturedRuleProblems,
  capturedRuleSchema,
  credentialRuleSpec,
  parseCredentialRule,
  systemOfRule,
} from "../../../migration/rules/natRule.js";
import { hostInterfaceSchema, hostIpSchema } from "../../../migration/settings/fields.js";

const targets = { hostIp: "10.0.0.1", kube2iamPort: 8181, kiamPort: 8881 };
const spec = credentialRuleSpec({ interface: "cni0", address: "10.0.0.1", port: 8181 });

describe("natRule", () => {
  it("writes a rule as iptables -S prints it", () => {
    assert.equal(
      spec,
      "-A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181",
    );
    assert.match(
      credentialRuleSpec({ interface: "!eth0", address: "10.0.0.1", port: 8181 }),
      / ! -i eth0 /,
    );
  });

  it("reads back every rule that it writes", () => {
    const hostInterface = fc
      .tuple(
        fc.constantFrom("", "!"),
        fc.stringMatching(/^[a-z][a-z0-9_.-]{0,12}$/),
        fc.constantFrom("", "+"),
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        fc.option(hostInterface, { nil: undefined }),
        fc.ipV4(),
        fc.integer({ min: 1, max: 65535 }),
        (name, address, port) => {
          const rule = { interface: name, address, port };
          assert.deepEqual(parseCredentialRule(credentialRuleSpec(rule)), rule);
        },
      ),
    );
  });

  it("tells whose rule it is, and knows nobody else's", () => {
    assert.equal(systemOfRule(spec, targets), "kube2iam");
    assert.equal(systemOfRule(spec.replace("8181", "8881"), targets), "kiam");
    for (const foreign of [
      spec.replace("8181", "8182"),
      spec.replace("10.0.0.1", "10.0.0.2"),
      spec.replace("--dport 80", "--dport 443"),
      spec.replace("PREROUTING", "OUTPUT"),
      `${spec} -m comment --comment x`,
      spec.replace("-i cni0", "-i !cni0"),
      spec.replace("-i cni0", "! -i +"),
      spec.replace("-i cni0", "-i eth0/1"),
      "",
    ]) {
      assert.equal(systemOfRule(foreign, targets), undefined, foreign);
    }
  });

  it("knows kube2iam's rule by whatever interface somebody gave it, and keeps no such name", () => {
    const stale = spec.replace("cni0", '"veth+"');
    assert.equal(systemOfRule(stale, targets), "kube2iam");
    assert.equal(parseCredentialRule(stale)?.interface, '"veth+"');
    assert.equal(capturedRuleSchema.safeParse({ backend: "nft", spec: stale }).success, false);
  });

  it("takes + for every interface, as iptables does, which prints no -i for it", () => {
    const all = credentialRuleSpec({ interface: "+", address: "10.0.0.1", port: 8181 });
    assert.equal(all, spec.replace(" -i cni0", ""));
    const written = parseCredentialRule(spec.replace("cni0", "+"));
    assert.deepEqual(written, { interface: undefined, address: "10.0.0.1", port: 8181 });
  });

  it("accepts as captured nothing that a shell could read otherwise", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(spec.length), (text, at) => {
        const damaged = spec.slice(0, at) + text + spec.slice(at);
        const parsed = capturedRuleSchema.safeParse({ backend: "nft", spec: damaged });
        if (parsed.success) assert.match(damaged, /^[A-Za-z0-9 ./:!+_-]+$/);
      }),
      { numRuns: 2000 },
    );
  });

  it("refuses a captured rule of another worker, or of kiam's", () => {
    assert.deepEqual(capturedRuleProblems({ backend: "nft", spec }, targets), []);
    const elsewhere = capturedRuleProblems(
      { backend: "nft", spec },
      { ...targets, hostIp: "10.0.0.9" },
    );
    assert.match(elsewhere.join(), /does not lead to kube2iam at 10.0.0.9:8181/);
    const kiams = { backend: "nft" as const, spec: spec.replace("8181", "8881") };
    assert.equal(capturedRuleProblems(kiams, targets).length, 1);
    assert.match(
      capturedRuleProblems({ backend: "nft", spec: "-F" }, targets).join(),
      /must be a rule as kube2iam writes it/,
    );
  });

  it("takes interfaces and addresses as the field writes them only", () => {
    for (const name of ["cni0", "cali+", "!eth0", "eni+", "br-0a1b.100", "+"]) {
      assert.equal(hostInterfaceSchema.safeParse(name).success, true, name);
    }
    for (const name of [
      "",
      "!",
      "!+",
      "-i",
      "abcdefghijklmno+",
      "a b",
      "a;b",
      "a+b",
      "eth0/1",
      "x".repeat(16),
      "!!eth0",
    ]) {
      assert.equal(hostInterfaceSchema.safeParse(name).success, false, name);
    }
    for (const address of ["::1", "1.2.3", "1.2.3.4/32", "node-1", "1.2.3.4;"]) {
      assert.equal(hostIpSchema.safeParse(address).success, false, address);
    }
  });
});
