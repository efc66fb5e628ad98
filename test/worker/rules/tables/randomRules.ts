import fc from "fast-check";

/*
 * Rules as `iptables -S` prints them, made from what they mean, so that what the node script calls
 * them can be judged by something that has not read them.
 */

/** A rule of nat/PREROUTING on the worker 10.0.0.1 (kube2iam 8181, kiam 8881), and its meaning. */
export interface RandomRule {
  spec: string;
  /** Whether it can match a request to 169.254.169.254:80, as far as its own words tell. */
  sees: boolean;
  /** It names destinations, and the metadata address is among them. */
  named: boolean;
  /** It matches by nothing but addresses, interface, protocol, port and comment. */
  understood: boolean;
  /** iptables could decode all of it. */
  readable: boolean;
  /** Where what it matches goes: to the next rule, to another chain, to one of the systems, or elsewhere. */
  leads: "on" | "chain" | "kube2iam" | "kiam" | "elsewhere";
}

type Part = Partial<Omit<RandomRule, "spec">> & { text: string };

const metadata = [169, 254, 169, 254];
const numberOf = (octets: readonly number[]) =>
  octets.reduce((number, octet) => number * 256n + BigInt(octet), 0n);

const octet = fc.nat(255);
/** The metadata address, one that differs from it in one octet, or any. */
const address = fc.oneof(
  fc.constant(metadata),
  fc
    .tuple(fc.nat(3), octet)
    .map(([at, other]) => metadata.map((each, index) => (index === at ? other : each))),
  fc.array(octet, { minLength: 4, maxLength: 4 }),
);
const bitMask = fc.nat(32).map((bits) => ({
  text: String(bits),
  mask: ((1n << BigInt(bits)) - 1n) << BigInt(32 - bits),
}));
/** One with holes, which iptables prints as an address. Nobody works out what it matches: it may. */
const holedMask = fc
  .constantFrom("255.0.255.255", "0.255.255.0", "255.255.254.255")
  .map((text) => ({ text, mask: undefined }));

const destination: fc.Arbitrary<Part> = fc.oneof(
  fc.constant({ text: "" }),
  fc.constant({ text: "-d 169.254.169.254/32", named: true }),
  fc.constant({ text: "-d 169.254.169.254", named: true }),
  fc
    .tuple(fc.boolean(), address, fc.oneof(bitMask, holedMask))
    .map(([negated, octets, { text, mask }]) => {
      const holds = mask === undefined || (numberOf(octets) & mask) === (numberOf(metadata) & mask);
      return {
        text: `${negated ? "! " : ""}-d ${octets.join(".")}/${text}`,
        named: holds && !negated,
        sees: mask === undefined || holds !== negated,
      };
    }),
);

const hostInterface: fc.Arbitrary<Part> = fc
  .constantFrom("", "-i cni0", "-i cali+", "! -i eth0", '-i "veth+"', "-i a$b", "-i x'y")
  .map((text) => ({ text }));

const port: fc.Arbitrary<Part> = fc.oneof(
  fc.constant({ text: "--dport 80" }),
  fc
    .tuple(fc.boolean(), fc.constantFrom(0, 1, 8, 79, 80, 81, 443, 65535), fc.nat(100))
    .map(([negated, first, more]) => {
      const last = Math.min(first + more, 65535);
      return {
        text: `${negated ? "! " : ""}--dport ${first}${last > first ? `:${last}` : ""}`,
        sees: (first <= 80 && last >= 80) !== negated,
      };
    }),
);

const protocol: fc.Arbitrary<Part> = fc.oneof(
  { weight: 3, arbitrary: port.map((each) => ({ ...each, text: `-p tcp -m tcp ${each.text}` })) },
  port.map(({ text }) => ({ text: `-p udp -m udp ${text}`, sees: false })),
  fc.constantFrom<Part>(
    { text: "" },
    { text: "-p tcp" },
    { text: "-p udp", sees: false },
    { text: "-p icmp", sees: false },
    { text: "-p gre", sees: false },
    { text: "! -p tcp", sees: false },
    { text: "! -p udp" },
    { text: "! -p gre" },
    { text: "! -p 50" },
  ),
);

/** As libxtables prints a text: quoted unless it is plain. */
function printed(text: string): string {
  return /^[\w-]+$/.test(text) ? text : `"${text.replace(/["'\\]/g, "\\$&")}"`;
}

const comment: fc.Arbitrary<Part> = fc
  .array(
    fc.constantFrom(
      ..."\"'\\ !$`;x",
      ...["  ", "-d 10.0.0.0/8", " -p udp ", "-j ACCEPT", "--dport 81", " [unsupported revision] "],
      ...["-d", "--comment", "kube2iam: 10.0.0.1:8181", "-A PREROUTING", "\t"],
    ),
    { maxLength: 4 },
  )
  .map((pieces) => ({ text: `-m comment --comment ${printed(pieces.join(""))}` }));

const extra: fc.Arbitrary<Part> = fc.oneof(
  comment,
  fc.constantFrom<Part>(
    { text: "-m addrtype --dst-type LOCAL", understood: false },
    { text: "-m addrtype ! --dst-type LOCAL", understood: false },
    { text: "-m conntrack --ctstate NEW", understood: false },
    { text: "-m statistic --mode random --probability 0.50000000000", understood: false },
    { text: "-m foo [unsupported revision]", understood: false, readable: false },
  ),
);

const target: fc.Arbitrary<Part> = fc.oneof(
  fc.constantFrom<Part>(
    { text: "-j DNAT --to-destination 10.0.0.1:8181", leads: "kube2iam" },
    { text: "-j DNAT --to-destination 10.0.0.1:8881", leads: "kiam" },
  ),
  fc.constantFrom<Part>(
    { text: "-j DNAT --to-destination 10.0.0.1:8881 --random", leads: "kiam" },
    { text: "-j DNAT --to-destination 10.0.0.1:8181 --persistent", leads: "kube2iam" },
    { text: "-j REDIRECT --to-ports 8181", leads: "kube2iam" },
    { text: "-j REDIRECT --to-ports 8881", leads: "kiam" },
  ),
  fc
    .constantFrom(
      ...["10.0.0.1:8182", "10.0.0.1:81811", "10.0.0.1:8181-8190", "10.0.0.1", "10.0.0.11:8181"],
      ...["10.0.0.9:8181", "10.0.0.1-10.0.0.9:8181", ":8181"],
    )
    .map((to): Part => ({ text: `-j DNAT --to-destination ${to}`, leads: "elsewhere" })),
  fc.constantFrom<Part>(
    { text: "-j REDIRECT", leads: "elsewhere" },
    { text: "-j REDIRECT --to-ports 3128", leads: "elsewhere" },
    { text: "-j REDIRECT --to-ports 8181-8182", leads: "elsewhere" },
    { text: "-j NETMAP --to 10.9.0.0/24", leads: "elsewhere" },
    { text: "-j NFQUEUE --queue-num 0", leads: "elsewhere" },
    { text: "-j ACCEPT", leads: "elsewhere" },
    { text: "-j RETURN", leads: "elsewhere" },
    { text: "-g OTHER", leads: "elsewhere" },
    { text: "-j DNAT", leads: "elsewhere", readable: false },
    { text: "-j DNAT [unsupported revision]", leads: "elsewhere", readable: false },
  ),
  fc.constantFrom<Part>(
    { text: "-j OTHER", leads: "chain" },
    { text: '-j LOG --log-prefix "-j DNAT "', leads: "on" },
    { text: "-j MARK --set-xmark 0x4000/0x4000", leads: "on" },
    { text: "", leads: "on" },
  ),
);

export const randomRule: fc.Arbitrary<RandomRule> = fc
  .tuple(
    fc.tuple(destination, hostInterface, protocol).map((parts): Part[] => parts),
    fc.oneof(fc.constant<Part[]>([]), fc.array(extra, { maxLength: 2 })),
    target,
    fc.constantFrom(" ", " ", "  "),
  )
  .map(([matches, extras, last, blank]) => {
    const parts = [...matches, ...extras, last];
    const all = (what: "sees" | "understood" | "readable") =>
      parts.every((part) => part[what] !== false);
    return {
      spec: ["-A PREROUTING", ...parts.map(({ text }) => text)]
        .filter((text) => text !== "")
        .join(blank),
      sees: all("sees"),
      named: parts.some((part) => part.named === true),
      understood: all("understood"),
      readable: all("readable"),
      leads: last.leads ?? "on",
    };
  });
