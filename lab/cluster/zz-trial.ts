import { openCluster } from "/work/main/lab/cluster/start";
import { runIn } from "/work/main/lab/cluster/namespaces";
import { execa } from "execa";
const t0 = Date.now();
const say = (...a: unknown[]) => console.log(((Date.now() - t0) / 1000).toFixed(1), ...a);
async function main() {
  const c = await openCluster();
  const kubectl = (...a: string[]) => c.kubectl(a);
  const ds = { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "bb", namespace: "default" }, spec: { selector: { matchLabels: { app: "bb" } }, template: { metadata: { labels: { app: "bb" } }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "bb", image: "docker.io/lab/busybox:1", command: ["sh", "-c", "echo hello; exec /bin/busybox nc -lk -p 8080 -e /bin/busybox env"] }] } } } };
  const hn = { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "hn", namespace: "default" }, spec: { selector: { matchLabels: { app: "hn" } }, template: { metadata: { labels: { app: "hn" } }, spec: { hostNetwork: true, terminationGracePeriodSeconds: 1, tolerations: [{ operator: "Exists" }], containers: [{ name: "bb", image: "docker.io/lab/busybox:1", securityContext: { privileged: true }, command: ["sh", "-c", "cat /etc/resolv.conf; ls /hostssl | grep lab; exec sleep 1000"], volumeMounts: [{ name: "v", mountPath: "/hostssl" }, { name: "x", mountPath: "/run/xtables.lock" }] }], volumes: [{ name: "v", hostPath: { path: "/etc/ssl/certs" } }, { name: "x", hostPath: { path: "/run/xtables.lock", type: "FileOrCreate" } }] } } } };
  await c.apply([ds, hn]);
  await kubectl("rollout", "status", "ds/bb", "--timeout=60s"); say("bb up");
  await kubectl("rollout", "status", "ds/hn", "--timeout=60s"); say("hn up");
  say(await kubectl("get", "pods", "-A", "-o", "wide"));
  const pods = JSON.parse(await kubectl("get", "pods", "-l", "app=bb", "-o", "json")).items;
  say(await kubectl("logs", "ds/hn"));
  const p1 = pods.find((p: any) => p.spec.nodeName === "worker-1");
  const p2 = pods.find((p: any) => p.spec.nodeName === "worker-2");
  // own node sees pod's IP
  const srv = runIn("kiamlab-worker-1", "busybox", ["nc", "-l", "-p", "8881", "-v", "-w", "8"], { timeout: 9000, reject: false, all: true });
  const vpc = runIn("kiamlab-vpc", "busybox", ["nc", "-l", "-p", "80", "-v", "-w", "8", "-s", "169.254.169.254"], { timeout: 9000, reject: false, all: true });
  await new Promise((r) => setTimeout(r, 500));
  const ex = (p: any, ...cmd: string[]) => kubectl("exec", p.metadata.name, "--", ...cmd).catch((e: Error) => e.message);
  say("exec", await ex(p1, "sh", "-c", "echo x | nc -w 1 10.99.0.11 8881; echo done"));
  say("exec", await ex(p1, "sh", "-c", "echo x | nc -w 1 169.254.169.254 80; echo done"));
  say("own node saw", (await srv).all, "pod ip", p1.status.podIP);
  say("metadata saw", (await vpc).all);
  say("pod to pod", await ex(p1, "sh", "-c", `echo | nc -w 1 ${p2.status.podIP} 8080`));
  for (const w of c.workers) {
    const k = await c.hostKey(w.name);
    const r = await runIn("kiamlab-operator", "ssh", ["-i", c.paths.ssh.key, "-o", `UserKnownHostsFile=${c.paths.ssh.knownHosts}`, "-o", "StrictHostKeyChecking=yes", `ubuntu@${w.address}`, "sudo iptables -w -t nat -S PREROUTING"]);
    say(w.name, k.slice(0, 40), r.stdout);
  }
  const root = await runIn("kiamlab-operator", "ssh", ["-i", c.paths.ssh.key, "-o", `UserKnownHostsFile=${c.paths.ssh.knownHosts}`, `root@10.99.0.11`, "id"], { reject: false });
  say("root:", root.exitCode, root.stderr);
  say("deleting pod"); await kubectl("delete", "pod", p1.metadata.name); say("pod deleted");
  // reboot
  say("boot id", await kubectl("get", "node", "worker-2", "-o", "jsonpath={.status.nodeInfo.bootID}"));
  await runIn("kiamlab-worker-2", "iptables", ["-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "81", "-j", "ACCEPT"]);
  await c.stopNode("worker-2"); say("worker-2 down");
  await c.startNode("worker-2"); say("worker-2 started"); 
  await c.waitReady(); say("ready");
  await kubectl("rollout", "status", "ds/bb", "--timeout=60s"); 
  say("boot id", await kubectl("get", "node", "worker-2", "-o", "jsonpath={.status.nodeInfo.bootID}"));
  say((await runIn("kiamlab-worker-2", "iptables", ["-t", "nat", "-S", "PREROUTING"])).stdout);
  await kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=bb", "--timeout=60s"); say("pods ready");
  say(await kubectl("get", "pods", "-A", "-o", "wide"));
  const n = await c.addNode(); say("added", n.name);
  await kubectl("rollout", "status", "ds/bb", "--timeout=60s"); say("bb on it");
  const pods2 = JSON.parse(await kubectl("get", "pods", "-l", "app=bb", "-o", "json")).items;
  const p4 = pods2.find((p: any) => p.spec.nodeName === n.name);
  const p1b = pods2.find((p: any) => p.spec.nodeName === "worker-1");
  say("pod to pod on new", await ex(p1b, "sh", "-c", `echo | nc -w 1 ${p4.status.podIP} 8080`));
  say("dns from new", await ex(p4, "nslookup", "sts.us-east-1.amazonaws.com"));
  await c.removeNode(n.name); say("removed");
  say(await kubectl("get", "nodes"));
}
main().catch((e) => { console.error(e.message); process.exitCode = 1; });
