/**
 * What the node script and its TypeScript side take as arguments. The script's own checks need no
 * root: they come before anything is looked at.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execaSync } from "execa";
import { ruleVerbs } from "../../../../worker/rules/assemble.js";
import { ruleArguments, ruleCommand, ruleScript } from "../../../../worker/rules/script.js";
import { credentialRuleSpec } from "../../../../migration/rules/natRule.js";
import { findCommand, needsCommands } from "../../../support/requirements.js";

const worker = { hostIp: "10.0.0.1", kube2iamPort: 8181, kiamPort: 8881 };
const spec = credentialRuleSpec({ interface: "!eth0", address: "10.0.0.1", port: 8181 });

describe("node script, arguments", () => {
  const directory = mkdtempSync(join(tmpdir(), "t-node-arguments-"));
  const touched = join(directory, "touched");
  after(() => rmSync(directory, { recursive: true }));

  const good = ["--host-ip", "10.0.0.1", "--kube2iam-port", "8181", "--kiam-port", "8881"];
  const without = (flag: string) =>
    good.filter((_, at) => at !== good.indexOf(flag) && at !== good.indexOf(flag) + 1);
  const refused: [string, string[], RegExp][] = [
    ["no verb", [], /first argument must be inspect, .* not ''/],
    ["another verb", ["destroy", ...good], /not 'destroy'/],
    ["no address", ["inspect", ...without("--host-ip")], /--host-ip must be an IPv4 address/],
    ["a flag without value", ["inspect", ...good, "--interface"], /--interface .* lacks its value/],
    ["an unknown flag", ["inspect", ...good, "--force", "yes"], /--force is not known/],
    ["a flag twice", ["inspect", ...good, "--kiam-port", "1"], /--kiam-port was given twice/],
    ["one port for both", ["inspect", ...without("--kiam-port"), "--kiam-port", "8181"], /differ/],
    ["no system", ["remove", ...good], /remove needs --system/],
    ["another system", ["remove", ...good, "--system", "irsa"], /not 'irsa'/],
    ["a system to inspect", ["inspect", ...good, "--system", "kiam"], /not known to inspect/],
    ["nothing to ensure", ["ensure", ...good], /ensure needs --system kiam, not ''/],
    [
      "kube2iam to ensure",
      ["ensure", ...good, "--system", "kube2iam"],
      /not 'kube2iam' .*comes back by restore/,
    ],
    [
      "a system to drain",
      ["drain", ...good, "--idle", "5", "--wait", "0", "--system", "kiam"],
      /--system is not known to drain/,
    ],
    ["nothing to close", ["drain", ...good, "--wait", "0"], /needs --idle or --left close/],
    [
      "something else with what is left",
      ["drain", ...good, "--wait", "0", "--left", "kill"],
      /--left must be leave or close, not 'kill'/,
    ],
    ["no wait", ["drain", ...good, "--idle", "5"], /--wait must be a number from 0 to 86400/],
    ["idle for no time", ["drain", ...good, "--idle", "0", "--wait", "0"], /--idle .* not '0'/],
    [
      "to wait for ever",
      ["drain", ...good, "--idle", "5", "--wait", "86401"],
      /--wait .* not '86401'/,
    ],
    [
      "an idle time to inspect",
      ["inspect", ...good, "--idle", "5"],
      /--idle is not known to inspect/,
    ],
    [
      "another interface of kiam's",
      ["ensure", ...good, "--system", "kiam", "--kiam-interface", "a b"],
      /--kiam-interface must be an interface/,
    ],
    ["no rule", ["restore", ...good], /restore needs --rule/],
    [
      "a rule to remove",
      ["remove", ...good, "--system", "kiam", "--rule", spec],
      /--rule is not known to remove/,
    ],
    ["a backend first", ["restore", ...good, "--backend", "nft", "--rule", spec], /must follow/],
    ["another backend", ["restore", ...good, "--rule", spec, "--backend", "ebtables"], /nft or/],
    ["attempts without end", ["inspect", ...good, "--attempts", "61"], /from 1 to 60/],
    ...[
      "256.1.1.1",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.04",
      "::1",
      "1.2.3.4; touch /x",
      "$(id)",
      "1.2.3.4\n",
    ].map((value): [string, string[], RegExp] => [
      `the address ${JSON.stringify(value)}`,
      ["inspect", ...without("--host-ip"), "--host-ip", value],
      /--host-ip must be/,
    ]),
    ...["0", "65536", "080", "8181x", "-1", "999999999999999999999", "`id`"].map(
      (value): [string, string[], RegExp] => [
        `the port ${value}`,
        ["inspect", ...without("--kiam-port"), "--kiam-port", value],
        /--kiam-port must be a number from 1 to 65535/,
      ],
    ),
    ...["eth0;touch x", "!", "-j", "a b", "x".repeat(17), "ca+li", "*", "$(id)"].map(
      (value): [string, string[], RegExp] => [
        `the interface ${value}`,
        ["inspect", ...good, "--interface", value],
        /--interface must be an interface/,
      ],
    ),
    ...[
      spec.replace("8181", "8881"),
      spec.replace("10.0.0.1", "10.0.0.2"),
      spec.replace("-A PREROUTING", "-A OUTPUT"),
      spec.replace("-A PREROUTING", "-D PREROUTING"),
      `${spec} -m comment --comment x`,
      `${spec}; touch x`,
      `${spec} $(touch x)`,
      spec.replace("80 ", "443 "),
      `-F PREROUTING`,
    ].map((value): [string, string[], RegExp] => [
      `the rule ${value}`,
      ["restore", ...good, "--rule", value],
      /--rule must be kube2iam's rule for 10.0.0.1:8181/,
    ]),
  ];

  it(`refuses what is wrong with them, in every shell (${refused.length} cases)`, function () {
    needsCommands(this, ["dash"]);
    const shells = [["dash"], ["bash"], ["busybox", "sh"]].filter(
      ([command]) => findCommand(command ?? "") !== undefined,
    );
    for (const [at, [what, words, message]] of refused.entries()) {
      const [command = "sh", ...rest] = shells[at % shells.length] ?? [];
      const values = words.map((word) => word.replace("touch /x", `touch ${touched}`));
      const result = execaSync(command, [...rest, "-s", "--", ...values], {
        input: ruleScript(ruleVerbs.find((verb) => verb === words[0]) ?? "inspect"),
        reject: false,
        cwd: directory,
      });
      assert.equal(result.exitCode, 2, `${what}: ${result.stderr}`);
      assert.equal(result.stdout, "", what);
      assert.match(result.stderr, message, what);
      assert.match(result.stderr, /Nothing was touched/, what);
    }
    assert.equal(existsSync(touched) || existsSync(join(directory, "x")), false);
  });

  it("refuses every verb but the one that the text is of", () => {
    for (const verb of ruleVerbs) {
      for (const other of ruleVerbs.filter((each) => each !== verb)) {
        const { exitCode, stderr } = execaSync("sh", ["-s", "--", other, ...good], {
          input: ruleScript(verb),
          reject: false,
        });
        assert.equal(exitCode, 2, `${other} to the text of ${verb}: ${stderr}`);
        assert.match(stderr, new RegExp(`must be ${verb}, .* not '${other}'`));
      }
    }
  });

  it("gives the words of a command, and the same quoted", () => {
    const rules = [{ backend: "legacy" as const, spec }];
    assert.deepEqual(ruleArguments("inspect", { ...worker, interface: "cali+", attempts: 2 }), [
      ...["sh", "-s", "--", "inspect", ...good, "--interface", "cali+", "--attempts", "2"],
    ]);
    assert.deepEqual(ruleArguments("restore", { ...worker, rules }).slice(-4), [
      ...["--rule", spec, "--backend", "legacy"],
    ]);
    const interfaces = { interface: "cni0", kiamInterface: "!eth0" };
    assert.deepEqual(ruleArguments("ensure", { ...worker, ...interfaces, system: "kiam" }), [
      ...["sh", "-s", "--", "ensure", "--system", "kiam", ...good],
      ...["--interface", "cni0", "--kiam-interface", "!eth0"],
    ]);
    assert.deepEqual(ruleArguments("drain", { ...worker, idle: 5, wait: 0, left: "close" }), [
      ...["sh", "-s", "--", "drain", ...good, "--idle", "5", "--wait", "0", "--left", "close"],
    ]);
    const command = ruleCommand("restore", { ...worker, interface: "!eth0", rules });
    const echoed = execaSync("sh", ["-c", command.replace("sh -s --", "printf '%s\\n'")]).stdout;
    assert.deepEqual(
      ["sh", "-s", "--", ...echoed.split("\n")],
      ruleArguments("restore", { ...worker, interface: "!eth0", rules }),
    );
  });

  it("refuses every wrong value before there is a command, all at once", () => {
    assert.throws(
      () =>
        ruleCommand("inspect", { hostIp: "1.2.3.4; touch /x", kube2iamPort: 0, kiamPort: 8881 }),
      /hostIp[^]*kube2iamPort|kube2iamPort[^]*hostIp/,
    );
    assert.throws(() => ruleCommand("inspect", { ...worker, kiamPort: 8181 }), /cannot share port/);
    assert.throws(() => ruleCommand("inspect", { ...worker, interface: "a;b" }), /interface/);
    assert.throws(() => ruleCommand("restore", { ...worker, rules: [] }), /rules/);
    assert.throws(() => ruleCommand("drain", { ...worker, idle: 0, wait: 0 }), /idle/);
    assert.throws(() => ruleCommand("drain", { ...worker, idle: 1, wait: 0.5 }), /wait/);
    assert.throws(
      () => ruleCommand("restore", { ...worker, rules: [{ spec: `${spec}; touch /x` }] }),
      /spec/,
    );
    assert.throws(
      () => ruleCommand("restore", { ...worker, hostIp: "10.0.0.2", rules: [{ spec }] }),
      /does not lead to kube2iam at 10.0.0.2:8181/,
    );
  });
});
