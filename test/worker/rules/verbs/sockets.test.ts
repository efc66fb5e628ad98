/**
 * What the node script makes of a list of connections as ss prints it, by every shell. Needs no root:
 * a function stands for ss.
 *
 * Real: the first list, recorded with iproute2 6.1, and the older form of addresses. Not proven here:
 * that ss prints so (drain.test.ts runs it), and that a connection called idle is one.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needsCommands } from "../../../support/requirements.js";
import { withFunctions } from "../scriptFunctions.js";
import { shells } from "../../worker.js";

const heading = "Recv-Q Send-Q       Local Address:Port        Peer Address:Port Process          ";
const recorded = [
  "0      0      [::ffff:10.0.0.1]:8181 [::ffff:10.244.1.5]:51490",
  "\t bbr wscale:10,10 rto:204 rtt:0.032/0.025 ato:40 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:11 bytes_sent:124 bytes_acked:124 bytes_received:65 segs_out:4 segs_in:6 data_segs_out:1 data_segs_in:1 bbr:(bw:131636232bps,mrtt:0.025,pacing_gain:2.88672,cwnd_gain:2.88672) send 3982000000bps lastsnd:2188 lastrcv:2204 lastack:2188 pacing_rate 13242140208bps delivery_rate 131636360bps delivered:2 app_limited rcv_space:14480 rcv_ssthresh:64088 minrtt:0.025 snd_wnd:64512",
];
const socket = (peer: string, times: string, queues = "0 0") => [
  `${queues} 10.0.0.1:8181 ${peer}`,
  `\t cubic rto:204 rtt:0.03/0.02 ${times} lastack:9`,
];
const idle = "lastsnd:2000 lastrcv:2000";

/** What ss prints, and the rows that the script makes of it where idle means two seconds. */
const lists: { what: string; printed: string[]; rows: string[] }[] = [
  { what: "nothing", printed: [heading], rows: [] },
  {
    what: "an idle one, recorded",
    printed: [heading, ...recorded],
    rows: ["idle 2 10.0.0.1 10.244.1.5 51490"],
  },
  {
    what: "addresses without brackets, as before iproute2 4.15",
    printed: [heading, ...socket("::ffff:10.244.1.5:40000", idle)],
    rows: ["idle 2 10.0.0.1 10.244.1.5 40000"],
  },
  {
    what: "details on the same line",
    printed: socket("10.244.1.5:40000", idle)
      .map((line, at) => (at === 0 ? line : line.trim()))
      .join(" ")
      .split("\n"),
    rows: ["idle 2 10.0.0.1 10.244.1.5 40000"],
  },
  {
    what: "data a moment ago, in either direction",
    printed: [
      ...socket("10.244.1.5:1", "lastsnd:1999 lastrcv:1999"),
      ...socket("10.244.1.6:2", "lastsnd:1999 lastrcv:60000"),
      // ss leaves out what is 0 ms ago.
      ...socket("10.244.1.7:3", "lastrcv:60000"),
      ...socket("10.244.1.8:4", ""),
    ],
    rows: [
      "recent 1 10.0.0.1 10.244.1.5 1",
      "recent 1 10.0.0.1 10.244.1.6 2",
      "recent 0 10.0.0.1 10.244.1.7 3",
      "recent 0 10.0.0.1 10.244.1.8 4",
    ],
  },
  {
    what: "clients that spoke last",
    printed: [
      ...socket("10.244.1.5:1", "lastsnd:9000 lastrcv:8999"),
      ...socket("10.244.1.5:2", "lastsnd:9000"),
    ],
    rows: ["waiting 8 10.0.0.1 10.244.1.5 1", "waiting 0 10.0.0.1 10.244.1.5 2"],
  },
  {
    what: "data in the queues",
    printed: [...socket("10.244.1.5:1", idle, "0 7"), ...socket("10.244.1.5:2", idle, "7 0")],
    rows: ["queued 2 10.0.0.1 10.244.1.5 1", "queued 2 10.0.0.1 10.244.1.5 2"],
  },
  {
    what: "no details at all",
    printed: ["0 0 10.0.0.1:8181 10.244.1.5:1", ...socket("10.244.1.6:2", idle)],
    rows: ["unknown 0 10.0.0.1 10.244.1.5 1", "idle 2 10.0.0.1 10.244.1.6 2"],
  },
  {
    what: "IPv6",
    printed: [...socket("[2001:db8::5]:1", idle), ...socket("[fe80::5%cni0]:2", idle)],
    rows: ["idle 2 10.0.0.1 2001:db8::5 1", "unnamed 2 10.0.0.1 fe80::5%cni0 2"],
  },
  {
    what: "the worker's own",
    printed: [
      ...socket("10.0.0.1:1", idle),
      ...socket("[::ffff:127.0.0.1]:2", idle),
      ...socket("[::1]:3", idle),
      ...socket("10.244.1.1:4", idle),
      ...socket("10.244.1.11:5", idle),
    ],
    rows: ["idle 2 10.0.0.1 10.244.1.11 5"],
  },
  {
    what: "what is no connection",
    printed: ["RTNETLINK answers: No such file", "", "0", ...socket("10.244.1.5:1", idle)],
    rows: ["idle 2 10.0.0.1 10.244.1.5 1"],
  },
];

const answered = (milliseconds: number) =>
  `echo lastsnd:${milliseconds} lastrcv:${milliseconds + 1}`;
const asked = (milliseconds: number) => `echo lastsnd:${milliseconds + 90} lastrcv:${milliseconds}`;

/**
 * Clients that are not idle, once all are to be closed that wait for no answer: what ss says of
 * their one connection time after time, how often the script looks, and for how many whole seconds
 * the one that it closes was idle.
 */
const asking: { what: string; times: string[]; looks: number; closed?: number }[] = [
  {
    what: "one that asks again and again right after an answer",
    times: [answered(140), asked(4), answered(30), answered(12), asked(4)],
    looks: 4,
    closed: 0,
  },
  {
    what: "one that is never seen just answered all the same",
    times: [answered(500)],
    looks: 50,
    closed: 0,
  },
  { what: "one that asks now and then at once", times: [answered(1000)], looks: 1, closed: 1 },
  { what: "not one that goes on waiting", times: [asked(100)], looks: 50 },
];

describe("node script, list of connections", () => {
  for (const shell of shells) {
    for (const { what, printed, rows } of lists) {
      it(`${what} (${shell[0]})`, function () {
        needsCommands(this, shell.slice(0, 1));
        const lines = withFunctions(
          "drain",
          shell,
          [
            `ss() { printf '%s\\n' ${printed.map((line) => `'${line}'`).join(" ")}; }`,
            `own='10.0.0.1${"\n"}10.244.1.1' idle_seconds=2`,
            "list_clients all",
            "for client in $clients; do",
            // Taken apart and put together again: what closing one goes by.
            '  split_client "$client"',
            '  echo "$state $seconds $to $address $port"',
            "done",
          ].join("\n"),
        );
        assert.deepEqual(
          lines.filter((line) => line !== ""),
          rows,
        );
      });
    }

    it(`looks once more right before it closes one (${shell[0]})`, function () {
      needsCommands(this, shell.slice(0, 1));
      // By then the first has sent a request; the second is as it was.
      const lines = withFunctions(
        "drain",
        shell,
        [
          "ss() {",
          "  case $1,$4 in",
          "  -tnK,*) printf '%s\\n' 'Recv-Q Send-Q' '0 0 closed' ;;",
          "  *,*' dport = :1') printf '%s\\n' '0 0 10.0.0.1:8181 10.244.1.5:1' ' rto:204 lastsnd:2900' ;;",
          "  *) printf '%s\\n' '0 0 10.0.0.1:8181 10.244.1.5:2' ' rto:204 lastsnd:2900 lastrcv:2900' ;;",
          "  esac",
          "}",
          "own=10.0.0.1 idle_seconds=2 closing=idle memory=10 closed=''",
          'clients="idle 2900 10.0.0.1 10.244.1.5 1${NEWLINE}idle 2900 10.0.0.1 10.244.1.5 2"',
          "close_clients 2>/dev/null",
          'echo "$closed"',
        ].join("\n"),
      );
      assert.deepEqual(lines, ["10.244.1.5 2 2"]);
    });

    for (const { what, times, looks, closed } of asking) {
      it(`closes ${what} (${shell[0]})`, async function () {
        needsCommands(this, shell.slice(0, 1));
        const directory = await mkdtemp(join(tmpdir(), "kiam-sockets-"));
        const cases = times.map(
          (time, at) => `${at + 1 < times.length ? at + 1 : "*"}) ${time} ;;`,
        );
        const lines = withFunctions(
          "drain",
          shell,
          [
            "ss() {",
            `  if [ "$1" = -tnK ]; then echo '0 0 closed'; return; fi`,
            `  echo >>${directory}/looks`,
            `  printf '0 0 10.0.0.1:8181 10.244.1.5:1\\n rto:204 '`,
            `  case $(($(wc -l <${directory}/looks))) in ${cases.join(" ")} esac`,
            "}",
            "own=10.0.0.1 idle_seconds=60 closing=quiet memory=10 closed=''",
            'clients="recent 140 10.0.0.1 10.244.1.5 1"',
            "close_clients 2>/dev/null",
            'echo "$closed"',
          ].join("\n"),
        );
        const looked = (await readFile(join(directory, "looks"), "utf8")).length;
        await rm(directory, { recursive: true });
        assert.deepEqual(
          [looked, lines],
          [looks, [closed === undefined ? "" : `10.244.1.5 1 ${closed}`]],
        );
      });
    }
  }
});
