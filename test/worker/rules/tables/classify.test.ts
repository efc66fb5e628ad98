/**
 * The node script and migration/rules/ must agree on what a rule is and on what an interface
 * covers: the plan is made with the one and carried out with the other. Runs the script's own
 * functions, by every shell that is here; needs no root. Half of this file is the tables of rules.
 *
 * Not proven here: that iptables prints rules in this form (verbs/removeAndRestore.test.ts does).
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCredentialRule, systemOfRule } from "../../../../migration/rules/natRule.js";
import { coversInterface } from "../../../../migration/rules/hostInterface.js";
import {
  hostInterfaceSchema,
  hostIpSchema,
  portSchema,
} from "../../../../migration/settings/fields.js";
import { needsCommands } from "../../../support/requirements.js";
import { randomRule, type RandomRule } from "./randomRules.js";
import { withFunctions } from "../scriptFunctions.js";
import { shells } from "../../worker.js";

const targets = { hostIp: "10.0.0.1", kube2iamPort: 8181, kiamPort: 8881 };
const base =
  "-A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8181";

/** Each rule with what the script must call it. */
const rules: [string, string][] = [
  [base, "kube2iam cni0"],
  [base.replace("8181", "8881"), "kiam cni0"],
  [base.replace("-i cni0", "! -i eth0"), "kube2iam !eth0"],
  [base.replace("-i cni0", "-i cali+"), "kube2iam cali+"],
  [base.replace(" -i cni0", ""), "kube2iam -"],
  [base.replace(" -m tcp", ""), "kube2iam cni0"],
  [base.replace("/32", ""), "kube2iam cni0"],
  [base.replace("-d 169.254.169.254/32 -i cni0", "-i cni0 -d 169.254.169.254/32"), "kube2iam cni0"],
  [base.replace("cni0", '"veth+"'), 'kube2iam "veth+"'],
  [base.replace("cni0", "+"), "kube2iam -"],
  // Cannot see a credential request, whatever they lead to.
  [base.replace("--dport 80", "--dport 8080"), "foreign"],
  [base.replace("--dport 80", "--dport 81:90"), "foreign"],
  [base.replace("-d 169.254.169.254/32", "-d 169.254.169.253/32"), "foreign"],
  [base.replace("-d 169.254.169.254/32", "-d 10.0.0.0/8"), "foreign"],
  [base.replace("-d 169.254", "! -d 169.254"), "foreign"],
  [base.replaceAll("tcp", "udp"), "foreign"],
  [base.replace("-p tcp", "! -p tcp"), "foreign"],
  ["-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT", "foreign"],
  [
    '-A PREROUTING -m comment --comment "a -d 169.254.169.254/32 -j DNAT" -j KUBE-SERVICES',
    "foreign",
  ],
  ["-A PREROUTING -d 169.254.169.254/32 -p tcp -j LOG", "foreign"],
  ["-P PREROUTING ACCEPT", "foreign"],
  // Lead to one of the systems, but not as those write it.
  [base.replace("--dport 80", "--dport 80:81"), "unexpected"],
  [base.replace(" --dport 80", ""), "unexpected"],
  [base.replace(" -m tcp --dport 80", " -m multiport --dports 80,81"), "unexpected"],
  [base.replace("169.254.169.254/32", "169.254.0.0/16"), "unexpected"],
  [base.replace("-d 169.254.169.254/32 ", ""), "unexpected"],
  [base.replace("-A PREROUTING", "-A OUTPUT"), "unexpected"],
  [base.replace("-A PREROUTING", "-A PREROUTING -s 10.1.0.0/16"), "unexpected"],
  [base.replace("-j", '-m comment --comment "x y" -j'), "unexpected"],
  [base.replace("-j", "-m statistic --mode random --probability 0.5 -j"), "unexpected"],
  [`${base} --random`, "unexpected"],
  [`${base} -i cni0`, "unexpected"],
  [
    base.replace("-j DNAT --to-destination 10.0.0.1:8181", "-j REDIRECT --to-ports 8181"),
    "unexpected",
  ],
  [base.replace("-i cni0", "! -i +"), "unexpected"],
  [base.replace("-i cni0", "-i !eth0"), "unexpected"],
  [base.replace("-i cni0", "-i -"), "unexpected"],
  [`${base} !`, "unexpected"],
  [base.replace("-i cni0", "! ! -i cni0"), "unexpected"],
  // iptables cannot say where they lead, or what they match.
  ["-A PREROUTING -d 169.254.169.254/32 -p tcp -j DNAT [unsupported revision]", "unread"],
  ["-A PREROUTING -i cni0 -p tcp -m tcp --dport 80 -j DNAT [unsupported revision]", "unread"],
  ["-A PREROUTING -d 169.254.169.254/32 -p tcp -j DNAT", "unread"],
  ["-A PREROUTING -m foo [unsupported revision] -j RETURN", "unread"],
  ["-A PREROUTING -d 10.0.0.7/32 -p tcp -j DNAT [unsupported revision]", "foreign"],
  ["-A PREROUTING -m comment [unsupported revision] -j KUBE-SERVICES", "foreign"],
  ["-A KUBE-SEP-X -p tcp -m tcp -j KUBE-MARK", "foreign"],
  // Take credential requests and lead elsewhere.
  ["-A PREROUTING -i cni0 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3128", "competing cni0"],
  ["-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.9:3128", "competing"],
  ["-A PREROUTING -i cni0 -j ACCEPT", "competing"],
  ["-A PREROUTING -i cni0 -p tcp -j NETMAP --to 10.9.0.0/24", "competing cni0"],
  ["-A PREROUTING -i cni0 -p tcp -j NFQUEUE --queue-num 0", "competing cni0"],
  [base.replace("-p tcp -m tcp --dport 80", "! -p gre"), "unexpected"],
  ["-A PREROUTING ! -p gre -j DNAT --to-destination 10.0.0.9:3128", "competing"],
  // Whether it excludes the metadata address, nobody works out.
  ["-A PREROUTING ! -d 10.0.0.7/255.0.255.255 -p tcp -j REDIRECT --to-ports 3128", "competing"],
  ['-A PREROUTING -m comment --comment "x \\" -p udp y" -j RETURN', "competing"],
  ["-A PREROUTING -m comment --comment -d -j RETURN", "competing"],
  [
    "-A PREROUTING -i eth0 -p tcp -m tcp --dport 443 -j DNAT --to-destination 10.0.0.9:443",
    "foreign",
  ],
  [
    "-A PREROUTING -p tcp -m addrtype --dst-type LOCAL -j DNAT --to-destination 10.0.0.9:80",
    "foreign",
  ],
  [base.replace("8181", "8182"), "competing"],
  [base.replace("10.0.0.1", "10.0.0.2"), "competing"],
  [base.replace("8181", "81811"), "competing"],
  [base.replace("8181", "8181-8182"), "competing"],
  ["-A PREROUTING -d 169.254.169.254/32 -j RETURN", "competing"],
  ["-A PREROUTING -d 169.254.0.0/16 -j OTHER", "competing"],
  ["-A PREROUTING -i cni0 -g OTHER", "competing cni0"],
  // From another chain, a RETURN leads back to where PREROUTING was left.
  ["-A OTHER -d 169.254.169.254/32 -j RETURN", "foreign"],
  ["-A OTHER -d 169.254.169.254/32 -j ACCEPT", "competing"],
];

/** Words that a rule of kube2iam's may have in the place of its own, each as likely as the next. */
const variants: Record<string, readonly string[]> = {
  "-A PREROUTING": ["-A OUTPUT", "-I PREROUTING", "-A PREROUTING -s 10.0.0.0/8"],
  "-d 169.254.169.254/32": [
    "-d 169.254.169.254",
    "-d 169.254.0.0/16",
    "-d 169.254.169.254/255.255.255.255",
    "! -d 169.254.169.254/32",
    "",
  ],
  "-i cni0": [
    "",
    "-i +",
    "! -i +",
    "! -i eth0",
    "-i !eth0",
    "-i -",
    "! ! -i cni0",
    "-i",
    "!",
    "-i a/b",
  ],
  "-p tcp": ["-p udp", "! -p tcp", "-p 6", "", "-p tcp -p tcp"],
  "-m tcp": [
    "",
    "-m tcp -m tcp",
    '-m comment --comment "-j ACCEPT"',
    '-m comment --comment "say \\"x\\" \'"',
    "-m comment --comment kube2iam",
    "-m tcp\t",
    "\t",
    "-m foo [unsupported revision]",
  ],
  "--dport 80": ["--dport 80:81", "--dport 8080", "! --dport 80", "", "--sport 80"],
  "-j DNAT": [
    ...["-g DNAT", "-j REDIRECT", "-j NETMAP", "-j TPROXY", "-j RETURN", ""],
    "-j DNAT [unsupported revision]",
  ],
  "--to-destination 10.0.0.1:8181": [
    "--to-destination 10.0.0.1:8881",
    "--to-destination 10.0.0.1:08181",
    "--to-destination 10.0.0.2:8181",
    "--to-destination 10.0.0.1:8181-8182",
    "--to-destination 10.0.0.1:8181 --random",
    "--to-ports 8181",
    "--to-destination",
    "",
  ],
};

/** Rules with up to three parts changed, parts in another order, any name as interface, more blanks. */
const anyRule = fc
  .tuple(
    fc.array(fc.tuple(fc.nat(Object.keys(variants).length - 1), fc.nat(100)), { maxLength: 3 }),
    fc.option(fc.stringMatching(/^[!-&(-~]{1,17}$/), { nil: undefined, freq: 2 }),
    fc.option(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7], { minLength: 7 }), { nil: undefined }),
    fc.constantFrom(" ", "  "),
  )
  .map(([changes, name, order, blank]) => {
    const parts = Object.keys(variants);
    if (name !== undefined) parts[2] = `-i ${name}`;
    for (const [at, which] of changes) {
      const instead = Object.values(variants)[at] ?? [];
      parts[at] = instead[which % instead.length] ?? "";
    }
    return (order === undefined ? parts : [0, ...order].map((at) => parts[at])).join(blank);
  });

/** Has a shell classify each rule; gives kind and interface. */
function classified(shell: readonly string[], specs: readonly string[]): [string, string][] {
  const calls = specs.map((spec) => `classify ${word(spec)}\nprintf '%s %s\\n' "$kind" "$iface"\n`);
  const answers = withFunctions("remove", shell, calls.join(""));
  return specs.map((_, at) => {
    const [kind = "", name = ""] = (answers[at] ?? "").split(" ");
    return [kind, name];
  });
}

/** For a shell; unlike worker/shellWords.ts, which refuses them, with control characters as well. */
const word = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * What the script must call a rule. Fails closed: what takes credential requests, or may, is never
 * `foreign`, but for what names no destination and matches by what is not understood: CNI's host
 * ports do, and who answers is proven otherwise. A chain that is jumped to is walked instead.
 */
function expectedKind({ sees, named, understood, readable, leads, spec }: RandomRule): string {
  if (!sees || leads === "on") return "foreign";
  if (leads === "kube2iam" || leads === "kiam") {
    return systemOfRule(spec, targets) === leads ? leads : "unexpected";
  }
  if (!named && (leads === "chain" || (!understood && readable))) return "foreign";
  return readable ? "competing" : "unread";
}

const interfaces = [
  "-",
  "cni0",
  "cni+",
  // The prefix cni+: only the last + is no letter of the name. Packets of interfaces cni0 and cni+0 were
  // counted so, by iptables of both kinds.
  "cni++",
  "cali+",
  "cali12",
  "!cni0",
  "!eth0",
  "!cali+",
  "eth0",
  "eth+",
];

describe("node script and migration/rules agree", () => {
  for (const shell of shells) {
    it(`on what a rule is (${shell[0]})`, function () {
      needsCommands(this, shell.slice(0, 1));
      const answers = classified(
        shell,
        rules.map(([spec]) => spec),
      );
      rules.forEach(([spec, expected], at) => {
        const [kind, name] = answers[at] ?? ["", ""];
        assert.equal(expected.includes(" ") ? `${kind} ${name}` : kind, expected, spec);
        const own = kind === "kube2iam" || kind === "kiam" ? kind : undefined;
        assert.equal(systemOfRule(spec, targets), own, spec);
      });
    });

    it(`on what any rule is (${shell[0]})`, function () {
      needsCommands(this, shell.slice(0, 1));
      const seed = Date.now();
      const samples = fc.sample(anyRule, { seed, numRuns: 500 });
      const answers = classified(shell, samples);
      let own = 0;
      samples.forEach((spec, at) => {
        const [kind, name] = answers[at] ?? ["", ""];
        const system = kind === "kube2iam" || kind === "kiam" ? kind : undefined;
        assert.equal(systemOfRule(spec, targets), system, `${spec} (seed ${seed})`);
        if (system === undefined) return;
        own += 1;
        assert.equal(parseCredentialRule(spec)?.interface ?? "-", name, `${spec} (seed ${seed})`);
      });
      assert.ok(own > 50 && own < 450, `${own} of 500 are one of the systems' (seed ${seed})`);
    });

    it(`on what a rule made from its meaning is (${shell[0]})`, function () {
      needsCommands(this, shell.slice(0, 1));
      const seed = Date.now();
      const samples = fc.sample(randomRule, { seed, numRuns: 800 });
      const answers = classified(
        shell,
        samples.map(({ spec }) => spec),
      );
      const met = new Set<string>();
      samples.forEach((rule, at) => {
        const [kind = ""] = answers[at] ?? [];
        assert.equal(kind, expectedKind(rule), `${rule.spec} (seed ${seed})`);
        const own = kind === "kube2iam" || kind === "kiam" ? kind : undefined;
        assert.equal(systemOfRule(rule.spec, targets), own ?? undefined, rule.spec);
        met.add(kind);
      });
      const kinds = ["competing", "foreign", "kiam", "kube2iam", "unexpected", "unread"];
      assert.deepEqual([...met].sort(), kinds, `seed ${seed}`);
    });

    it(`on what an interface, an address and a port are (${shell[0]})`, function () {
      needsCommands(this, shell.slice(0, 1));
      const seed = Date.now();
      const near = (alphabet: string, most: number) =>
        fc.string({ unit: fc.constantFrom(...alphabet), maxLength: most });
      const names = fc.oneof(near("aZ09-+!_. é", 4), near("a0-", 17), near("a+!", 17));
      const addresses = fc.oneof(
        fc.ipV4(),
        fc.array(near("0125", 3), { maxLength: 5 }).map((octets) => octets.join(".")),
        fc.array(fc.nat(300), { minLength: 3, maxLength: 5 }).map((octets) => octets.join(".")),
      );
      const ports = fc.oneof(
        near("0123456789", 6),
        fc.integer({ min: -1, max: 65540 }).map(String),
      );
      const cases = [
        ...fc.sample(names, { seed, numRuns: 300 }).map((text) => ({
          call: `is_interface ${word(text)}`,
          accepted: hostInterfaceSchema.safeParse(text).success,
        })),
        ...fc.sample(addresses, { seed, numRuns: 300 }).map((text) => ({
          call: `is_ipv4 ${word(text)}`,
          accepted: hostIpSchema.safeParse(text).success,
        })),
        ...fc.sample(ports, { seed, numRuns: 300 }).map((text) => ({
          // It ends the script where it refuses.
          call: `(number port ${word(text)} 1 65535 2>/dev/null)`,
          accepted: /^[1-9]\d*$/.test(text) && portSchema.safeParse(Number(text)).success,
        })),
      ];
      const calls = cases.map(({ call }) => `if ${call}; then echo true; else echo false; fi\n`);
      const answers = withFunctions("remove", shell, calls.join(""));
      cases.forEach(({ call, accepted }, at) => {
        assert.equal(answers[at], String(accepted), `${call} (seed ${seed})`);
      });
    });

    it(`on what an interface covers (${shell[0]})`, function () {
      needsCommands(this, shell.slice(0, 1));
      const pairs = interfaces.flatMap((wide) =>
        interfaces.map((narrow) => [wide, narrow] as const),
      );
      const calls = pairs.map(
        ([wide, narrow]) =>
          `if covers '${wide}' '${narrow}'; then echo true; else echo false; fi\n`,
      );
      const answers = withFunctions("remove", shell, calls.join(""));
      pairs.forEach(([wide, narrow], at) => {
        const expected = coversInterface(
          wide === "-" ? undefined : wide,
          narrow === "-" ? undefined : narrow,
        );
        assert.equal(answers[at], String(expected), `${wide} over ${narrow}`);
      });
    });
  }
});
