/**
 * The node script and migration/natRule.ts must agree on what a rule is and on what an interface
 * covers: the plan is made with the one and carried out with the other. Runs the script's own
 * functions, by every shell that is here; needs no root.
 *
 * Not proven here: that iptables prints rules in this form (rules.test.ts does).
 */
import assert from "node:assert/strict";
import { interfaceCovers, systemOfRule } from "../../migration/natRule.js";
import { needsCommands } from "../support/requirements.js";
import { withFunctions } from "./scriptFunctions.js";
import { shells } from "./worker.js";

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
  // Name the metadata address and lead elsewhere.
  [base.replace("8181", "8182"), "competing"],
  [base.replace("10.0.0.1", "10.0.0.2"), "competing"],
  [base.replace("8181", "81811"), "competing"],
  [base.replace("8181", "8181-8182"), "competing"],
  ["-A PREROUTING -d 169.254.169.254/32 -j RETURN", "competing"],
  ["-A PREROUTING -d 169.254.0.0/16 -j OTHER", "competing"],
];

const interfaces = [
  "-",
  "cni0",
  "cni+",
  "cali+",
  "cali12",
  "!cni0",
  "!eth0",
  "!cali+",
  "eth0",
  "eth+",
];

describe("node script and natRule agree", () => {
  for (const shell of shells) {
    it(`on what a rule is (${shell[0]})`, function () {
      needsCommands(this, shell.slice(0, 1));
      const calls = rules.map(
        ([spec]) => `classify '${spec}'\nprintf '%s %s\\n' "$kind" "$iface"\n`,
      );
      const answers = withFunctions(shell, calls.join(""));
      rules.forEach(([spec, expected], at) => {
        const answer = answers[at] ?? "";
        const [kind = ""] = answer.split(" ");
        assert.equal(expected.includes(" ") ? answer : kind, expected, spec);
        const own = kind === "kube2iam" || kind === "kiam" ? kind : undefined;
        assert.equal(systemOfRule(spec, targets), own, spec);
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
      const answers = withFunctions(shell, calls.join(""));
      pairs.forEach(([wide, narrow], at) => {
        const expected = interfaceCovers(
          wide === "-" ? undefined : wide,
          narrow === "-" ? undefined : narrow,
        );
        assert.equal(answers[at], String(expected), `${wide} over ${narrow}`);
      });
    });
  }
});
