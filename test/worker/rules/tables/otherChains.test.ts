/**
 * Rules in chains that PREROUTING jumps to: whose they are is judged like that of PREROUTING's own, at
 * the place of the jump.
 *
 * Real: iptables, the kernel's tables, and who answers the pod. The rules of Kubernetes, its network
 * plugins and Docker are as their programs write them; those programs do not run here.
 */
import assert from "node:assert/strict";
import {
  assertRefused,
  kiamRule,
  kube2iamRule,
  rule,
  shells,
  TestWorker,
  worker,
} from "../../worker.js";

const system = "kube2iam" as const;
const metadata = "-d 169.254.169.254/32";
const web = "-p tcp -m tcp --dport 80";
/** To a port that is nobody's. */
const elsewhere = `-j DNAT --to-destination ${worker.hostIp}:8282`;
const local = "-m addrtype --dst-type LOCAL";

describe("node script, rules in chains that PREROUTING jumps to", () => {
  const node = TestWorker.forSuite("chains", "dash", "bash", "busybox");

  /** The rules of PREROUTING among these. */
  const own = (rules: readonly string[]) =>
    rules.filter((each) => each.startsWith("-A PREROUTING "));

  const rivals: Record<string, { rules: string[]; seen: RegExp }> = {
    "for the metadata address": {
      rules: ["-A PREROUTING -j OTHER", `-A OTHER ${metadata} ${web} ${elsewhere}`],
      seen: /-A OTHER .*8282\. PREROUTING jumps there/,
    },
    "for a network that holds it": {
      rules: ["-A PREROUTING -p tcp -j OTHER", `-A OTHER -d 169.254.0.0/16 -p tcp ${elsewhere}`],
      seen: /-A OTHER -d 169\.254\.0\.0\/16/,
    },
    "that names no address, in a chain that a jump for it leads to": {
      rules: [`-A PREROUTING ${metadata} -j OTHER`, `-A OTHER ${web} -j REDIRECT --to-ports 8282`],
      seen: /-A OTHER .*REDIRECT/,
    },
    "a proxy for all of port 80": {
      rules: [
        "-A PREROUTING -i cni0 -p tcp -j PROXY",
        "-A PROXY -d 10.0.0.0/8 -j RETURN",
        "-A PROXY -p tcp -j REDIRECT --to-ports 8282",
      ],
      seen: /-A PROXY -p tcp/,
    },
    "three chains deep, behind chains that lead nowhere": {
      rules: [
        "-A PREROUTING -j FIRST",
        "-A PREROUTING -j OTHER",
        "-A FIRST -j LOGGING",
        "-A LOGGING -j LOG",
        "-A OTHER -j SECOND",
        "-A SECOND -j LOGGING",
        "-A SECOND -g THIRD",
        `-A THIRD ${metadata} ${web} ${elsewhere}`,
      ],
      seen: /-A THIRD .*8282/,
    },
    "a Service whose external address is that of the metadata": {
      rules: [
        '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        `-A KUBE-SERVICES ${metadata} -p tcp -m comment --comment "evil/web external IP" -m tcp --dport 80 -j KUBE-EXT-EVIL`,
        "-A KUBE-EXT-EVIL -j KUBE-SVC-EVIL",
        '-A KUBE-SVC-EVIL -m comment --comment "evil/web -> 10.99.0.11:8282" -j KUBE-SEP-EVIL',
        `-A KUBE-SEP-EVIL -p tcp -m comment --comment evil/web -m tcp ${elsewhere}`,
      ],
      seen: /-A KUBE-SEP-EVIL/,
    },
    "an exemption": {
      rules: ["-A PREROUTING -j OTHER", `-A OTHER ${metadata} -j ACCEPT`],
      seen: /-A OTHER .*ACCEPT/,
    },
    "a goto, after which PREROUTING does not go on": {
      rules: ["-A PREROUTING -i cni0 -g OTHER", "-A OTHER -d 10.0.0.0/8 -j LOG"],
      seen: /-A PREROUTING -i cni0 -g OTHER/,
    },
  };
  for (const [at, [what, { rules, seen }]] of Object.entries(rivals).entries()) {
    for (const backend of ["nft", "legacy"] as const) {
      it(`stop the cutover where they come before kiam's (${what}, ${backend})`, async () => {
        const shell = shells[at % shells.length];
        await node.reset({ [backend]: [...rules, kube2iamRule, kiamRule] });
        assert.match(await node.whoAnswers().catch(() => "nobody"), /^(nobody|node)$/);
        const removal = await node.script("remove", { system }, shell);
        assertRefused(removal, "competing-rule", seen);
        assert.equal(removal.report.after.inForce, "unknown");
        assertRefused(
          await node.script("ensure", { system: "kiam", kiamInterface: "cni0" }, shell),
          "competing-rule",
          seen,
        );
        const { report } = await node.script("inspect", {}, shell);
        assert.equal(report.after.inForce, "unknown");
        assert.ok(report.findings.some(({ code }) => code === "competing-rule"));
        assert.deepEqual(await node.rules(backend), [...own(rules), kube2iamRule, kiamRule]);
      });
    }

    it(`are nobody's business behind kiam's (${what})`, async () => {
      await node.reset({ nft: [kube2iamRule, kiamRule, ...rules] });
      const outcome = await node.done("remove", { system });
      assert.deepEqual(outcome.report.findings, []);
      assert.equal(outcome.report.after.inForce, "kiam");
      assert.equal(await node.whoAnswers(), "kiam");
    });
  }

  it("do not stop the way back, which puts kube2iam's rule before the jump", async () => {
    const rules = ["-A PREROUTING -j OTHER", `-A OTHER ${metadata} ${web} ${elsewhere}`];
    await node.reset({ nft: [...rules, kiamRule] });
    const captured = [{ backend: "nft" as const, spec: kube2iamRule }];
    const back = await node.done("restore", { rules: captured });
    assert.equal(back.report.after.inForce, "kube2iam");
    assert.deepEqual(await node.rules("nft"), [kube2iamRule, ...own(rules), kiamRule]);
    assert.equal(await node.whoAnswers(), "kube2iam");
  });

  it("that lead to one of the systems are in no form of theirs, whatever they name", async () => {
    for (const target of [worker.kube2iamPort, worker.kiamPort]) {
      const leads = `-A OTHER ${web} -j DNAT --to-destination ${worker.hostIp}:${target}`;
      await node.reset({ nft: ["-A PREROUTING -j OTHER", leads, kube2iamRule, kiamRule] });
      const outcome = await node.script("remove", { system });
      assertRefused(outcome, "unexpected-form", /-A OTHER/);
      assert.equal(outcome.report.after.inForce, "unknown");
    }
  });

  const harmless: Record<string, string[]> = {
    "kube-proxy's": [
      '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-A',
      '-A KUBE-SERVICES -d 10.96.0.7/32 -p tcp -m comment --comment "kiam/metrics cluster IP" -m tcp --dport 80 -j KUBE-SVC-A',
      `-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" ${local} -j KUBE-NODEPORTS`,
      '-A KUBE-NODEPORTS -p tcp -m comment --comment "web/web" -m tcp --dport 30080 -j KUBE-EXT-A',
      "-A KUBE-EXT-A -j KUBE-SVC-A",
      '-A KUBE-SVC-A ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp -m comment --comment "x" -m tcp --dport 443 -j KUBE-MARK-MASQ',
      '-A KUBE-SVC-A -m comment --comment "x" -m statistic --mode random --probability 0.5 -j KUBE-SEP-A',
      `-A KUBE-SEP-A -p tcp -m comment --comment "x" -m tcp -j DNAT --to-destination ${worker.hostIp}:${worker.kube2iamPort}`,
      "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
    ],
    "the network plugin's host ports": [
      `-A PREROUTING ${local} -j CNI-HOSTPORT-DNAT`,
      '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"cbr0\\" id: \\"a\\"" -m multiport --dports 80,443 -j CNI-DN-A',
      "-A CNI-DN-A -s 10.244.1.0/24 -p tcp -m tcp --dport 80 -j CNI-HOSTPORT-SETMARK",
      "-A CNI-DN-A -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.9:80",
      "-A CNI-HOSTPORT-SETMARK -m comment --comment x -j MARK --set-xmark 0x2000/0x2000",
    ],
    "Calico's": [
      '-A PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-PREROUTING',
      '-A cali-PREROUTING -m comment --comment "cali:r6XmIziWUJsdOK6Z" -j cali-fip-dnat',
      '-A cali-fip-dnat -d 10.0.0.77/32 -m comment --comment "cali:x" -j DNAT --to-destination 10.244.1.9',
    ],
    "the AWS VPC plugin's": [
      '-A PREROUTING -i eni+ -m comment --comment "AWS, outbound connections" -j AWS-CONNMARK-CHAIN-0',
      '-A AWS-CONNMARK-CHAIN-0 -d 10.0.0.0/16 -m comment --comment "AWS CONNMARK CHAIN, VPC CIDR" -j RETURN',
      '-A AWS-CONNMARK-CHAIN-0 -m comment --comment "AWS, CONNMARK" -j CONNMARK --set-xmark 0x80/0x80',
      '-A PREROUTING -m comment --comment "AWS, CONNMARK" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80',
    ],
    "Docker's": [
      `-A PREROUTING ${local} -j DOCKER`,
      "-A DOCKER -i docker0 -j RETURN",
      "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80",
    ],
    "a proxy's that leaves the metadata out": [
      "-A PREROUTING -p tcp -j REDSOCKS",
      "-A REDSOCKS -d 169.254.0.0/16 -j RETURN",
      "-A REDSOCKS -p tcp -j REDIRECT --to-ports 8282",
    ],
    "for another interface, or other traffic": [
      "-A PREROUTING -i eth1 -j OTHER",
      "-A PREROUTING -p udp -j OTHER",
      "-A PREROUTING -p tcp -m tcp --dport 8080 -j OTHER",
      "-A PREROUTING -i cni0 -j LATER",
      `-A OTHER ${metadata} ${web} ${elsewhere}`,
      `-A LATER -i eth1 ${metadata} ${web} ${elsewhere}`,
    ],
  };
  for (const [at, [whose, rules]] of Object.entries(harmless).entries()) {
    for (const backend of ["nft", "legacy"] as const) {
      it(`of others do not matter (${whose}, ${backend})`, async () => {
        const shell = shells[at % shells.length];
        await node.reset({ [backend]: [...rules, kube2iamRule, kiamRule] });
        const outcome = await node.done("remove", { system }, shell);
        assert.deepEqual(outcome.report.findings, []);
        assert.equal(outcome.report.after.inForce, "kiam");
        // This worker itself has the address of the metadata, unlike any other.
        if (!rules.some((each) => each.includes(local))) {
          assert.equal(await node.whoAnswers(), "kiam");
        }
      });
    }
  }

  it("that leave the metadata out do so for one interface, or one source, only", async () => {
    for (const exemption of ["-i cali1", "-s 10.244.9.0/24", "-p udp", "-m mark --mark 0x1"]) {
      const words = exemption.startsWith("-s")
        ? `${exemption} ${metadata}`
        : `${metadata} ${exemption}`;
      const rules = [
        "-A PREROUTING -p tcp -j REDSOCKS",
        `-A REDSOCKS ${words} -j RETURN`,
        "-A REDSOCKS -p tcp -j REDIRECT --to-ports 8282",
      ];
      await node.reset({ nft: [...rules, kube2iamRule, kiamRule] });
      assertRefused(
        await node.script("remove", { system }),
        "competing-rule",
        /-A REDSOCKS -p tcp/,
      );
    }
  });

  it("are looked through in time where there are thousands of Services", async () => {
    const services = Array.from({ length: 4_000 }, (_, at) => {
      const address = `10.96.${Math.floor(at / 250)}.${(at % 250) + 1}`;
      return [
        `-A KUBE-SERVICES -d ${address}/32 -p tcp -m comment --comment "s/${at} cluster IP" -m tcp --dport 80 -j KUBE-SVC-${at}`,
        `-A KUBE-SVC-${at} -m comment --comment s/${at} -j KUBE-SEP-${at}`,
        `-A KUBE-SEP-${at} -p tcp -m tcp -j DNAT --to-destination 10.244.1.9:8080`,
      ];
    });
    const ports = Array.from(
      { length: 1_000 },
      (_, at) =>
        `-A KUBE-NODEPORTS -p tcp -m comment --comment s/${at} -m tcp --dport ${30_000 + at} -j KUBE-SVC-${at}`,
    );
    await node.reset({
      nft: [
        "-A PREROUTING -j KUBE-SERVICES",
        ...services.flat(),
        `-A KUBE-SERVICES ${local} -j KUBE-NODEPORTS`,
        ...ports,
        rule(worker.kube2iamPort),
        kiamRule,
      ],
    });
    for (const shell of shells) {
      const began = Date.now();
      const outcome = await node.done("inspect", {}, shell);
      assert.equal(outcome.report.after.inForce, "kube2iam");
      assert.ok(Date.now() - began < 10_000, `${shell[0]}: ${Date.now() - began} ms`);
    }
  });
});
