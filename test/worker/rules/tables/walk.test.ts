/**
 * Whose rule takes a pod's request, by the node script's walk through the chains, against what the
 * kernel does with it: in tables made at random, by every shell that is here. Needs no root.
 *
 * Not proven here: that the kernel walks as the few lines below do (otherChains.test.ts asks it).
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { needsCommands } from "../../../support/requirements.js";
import { withFunctions } from "../scriptFunctions.js";
import { shells } from "../../worker.js";

const to = (target: string) => `-j DNAT --to-destination ${target}`;
const kiam = `-A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 ${to("10.0.0.1:8881")}`;

/** Matches as `iptables -S` prints them, and whether a request from a pod behind cni0 fits them. */
const matches: [string, boolean][][] = [
  [
    ["", true],
    ["-s 10.244.0.0/16", true],
    ["-s 10.9.0.0/16", false],
  ],
  [
    ["", true],
    ["-d 169.254.169.254/32", true],
    ["-d 169.254.0.0/16", true],
    ["-d 10.96.0.7/32", false],
    ["! -d 169.254.0.0/16", false],
    ["! -d 10.0.0.0/8", true],
  ],
  [
    ["", true],
    ["-i cni0", true],
    ["-i cni+", true],
    ["-i eth0", false],
    ["! -i cni0", false],
    ["! -i eth0", true],
  ],
  [
    ["", true],
    ["-p tcp", true],
    ["-p udp", false],
    ["-p tcp -m tcp --dport 80", true],
    ["-p tcp -m tcp --dport 80:90", true],
    ["-p tcp -m tcp ! --dport 80", false],
    ["-p tcp -m tcp --dport 443", false],
    ["-m addrtype --dst-type LOCAL", false],
  ],
];
const chains = ["PREROUTING", "A", "A-B", "C.D"];

interface Rule {
  spec: string;
  fits: boolean;
  target: string;
}

/** A rule of the chain at that place; it jumps to later ones only, since the kernel takes no circle. */
function ruleOf(at: number): fc.Arbitrary<Rule> {
  const ends = ["-j LOG", "-j RETURN", "-j RETURN", "-j ACCEPT", "-j REDIRECT --to-ports 3128"];
  const jumps = chains.slice(at + 1).flatMap((each) => [`-j ${each}`, `-j ${each}`, `-g ${each}`]);
  return fc
    .tuple(
      fc.tuple(
        ...matches.map((each) => fc.constantFrom(...each, ...each.filter(([, fits]) => fits))),
      ),
      fc.constantFrom(...ends, to("10.0.0.9:80"), ...jumps, ...jumps),
    )
    .map(([parts, target]) => ({
      spec: ["-A", chains[at], ...parts.map(([words]) => words), target]
        .filter((word) => word !== "")
        .join(" "),
      fits: parts.every(([, fits]) => fits),
      target,
    }));
}

const tables = fc
  .tuple(
    fc.tuple(...chains.map((_, at) => fc.array(ruleOf(at), { minLength: 1, maxLength: 5 }))),
    fc.nat(4),
  )
  .map(([table, place]) => {
    const rule = { spec: kiam, fits: true, target: "kiam" };
    table[0]?.splice(place, 0, rule);
    return table;
  });

/** Where the request ends; undefined where it comes to the chain's end. */
function taken(table: Rule[][], at = 0): string | undefined {
  for (const { fits, target } of table[at] ?? []) {
    if (!fits || target === "-j LOG") continue;
    if (target === "-j RETURN") return undefined;
    const [how, chain = ""] = target.split(" ");
    if (!chains.includes(chain)) return target;
    const end = taken(table, chains.indexOf(chain));
    if (end !== undefined || how === "-g") return end;
  }
  return undefined;
}

const listing = (table: Rule[][]) =>
  [...chains.slice(1).map((each) => `-N ${each}`), ...table.flat().map(({ spec }) => spec)].join(
    "\n",
  );

const setUp = "native_seen='' native_first='' unlisted_nft=''\n";
const inForce = (lines: string) => `rows=''\nrows_of nft '${lines}'\nin_force\necho "$first"\n`;

describe("node script, its walk through the chains", () => {
  for (const shell of shells) {
    it(`never says kiam where another rule takes the request (${shell[0]})`, function () {
      this.timeout(60_000);
      needsCommands(this, shell.slice(0, 1));
      const seed = Date.now();
      const samples = fc.sample(tables, { seed, numRuns: 150 });
      const calls = samples.map((table) => inForce(listing(table)));
      const answers = withFunctions("remove", shell, setUp + calls.join(""));
      let said = 0;
      let right = 0;
      samples.forEach((table, at) => {
        const kiams = taken(table) === "kiam";
        if (kiams) right += 1;
        if (answers[at] !== "kiam") return;
        said += 1;
        assert.ok(kiams, `seed ${seed}:\n${listing(table)}`);
      });
      // Otherwise it would say nothing at all, or these tables would show nothing.
      assert.ok(said > right * 0.5, `kiam's in ${right}, seen in ${said} (seed ${seed})`);
      assert.ok(right > 15 && right < 135, `kiam's in ${right} (seed ${seed})`);
    });

    it(`ends, even if the chains went round in a circle (${shell[0]})`, function () {
      needsCommands(this, shell.slice(0, 1));
      const circle = ["-N A", "-N B", "-A PREROUTING -j A", "-A A -j B", "-A B -j B", "-A B -j A"];
      const rival = `-A B -d 169.254.169.254/32 ${to("10.0.0.9:80")}`;
      const lines = [circle.join("\n"), [...circle, rival].join("\n")];
      const calls = lines.map((each) => inForce(`${each}\n${kiam}`));
      const answers = withFunctions("remove", shell, setUp + calls.join(""));
      assert.deepEqual(answers.slice(0, 2), ["kiam", "unknown"]);
    });
  }
});
