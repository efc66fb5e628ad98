import { existsSync, readdirSync } from "node:fs";
import { createProgress } from "../progress";
import { describeAccess } from "./access";
import { findRunningLab } from "./lock";
import { openCluster, startCluster, stopCluster } from "./start";
async function main() {
  const [verb, count] = process.argv.slice(2);
  const t = Date.now();
  if (verb === "up") {
    const bin = "/tmp/k2k/cluster/bin";
    const k = (n: string) => `${bin}/${n}`;
    const images = "/tmp/k2k/cluster/images";
    const cluster = await startCluster({
      workers: Number(count ?? 3),
      parts: {
        kubernetes: {
          "kube-apiserver": k("kube-apiserver"),
          "kube-controller-manager": k("kube-controller-manager"),
          "kube-scheduler": k("kube-scheduler"),
          "kube-proxy": k("kube-proxy"),
          kubelet: k("kubelet"),
          kubectl: k("kubectl"),
        },
        etcd: "/tmp/bin/etcd",
      },
      images: existsSync(images) ? readdirSync(images).map((f) => `${images}/${f}`) : [],
      progress: createProgress(),
    });
    cluster.keep();
    console.log(describeAccess(cluster, k("kubectl")));
  } else if (verb === "down") await stopCluster();
  else if (verb === "kubectl")
    console.log(await (await openCluster()).kubectl(process.argv.slice(3)));
  else console.log(findRunningLab());
  console.error(`${(Date.now() - t) / 1000} s`);
}
main().catch((e) => {
  console.error(e);
  process.exitCode = 1;
});
