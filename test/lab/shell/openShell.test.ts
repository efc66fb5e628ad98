import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Cluster } from "../../../lab/cluster/cluster.js";
import { masterNode, workerNode } from "../../../lab/cluster/topology.js";
import { labPaths } from "../../../lab/paths.js";
import { parseLabOptions } from "../../../lab/options.js";
import type { Parts } from "../../../lab/parts/types.js";
import { shellEnvironment, writeEntrance } from "../../../lab/shell/entrance.js";
import { shellStatus } from "../../../lab/shell/openShell.js";
import { shellPlaces } from "../../../lab/shell/places.js";

/*
 * What the lab's shell is made of, without a lab: files, environment and exit status. The shell itself,
 * on a terminal and with a cluster, is for test/embedded/shell.test.ts.
 */

describe("the lab's shell", () => {
  it("is asked for by --shell, and moves nothing unless asked to", () => {
    assert.equal(parseLabOptions([]).shell, false);
    const { shell, to } = parseLabOptions(["--shell"]);
    assert.deepEqual({ shell, to }, { shell: true, to: undefined });
  });

  it("ends well when a person leaves it, whatever the last command was, unless requests failed", () => {
    const person = { interactive: true, exitCode: 130 };
    assert.equal(shellStatus({ ...person, problems: [] }), 0);
    assert.equal(shellStatus({ ...person, problems: ["2 credential requests failed"] }), 1);
  });

  it("ends as its commands did where they come from standard input", () => {
    const script = { interactive: false, problems: [] };
    assert.equal(shellStatus({ ...script, exitCode: 0 }), 0);
    assert.equal(shellStatus({ ...script, exitCode: 7 }), 7);
    assert.equal(shellStatus({ ...script }), 1, "ended by a signal");
    assert.equal(shellStatus({ ...script, exitCode: 7, problems: ["failed"] }), 1);
  });

  describe("as files", () => {
    let directory: string;

    const parts = {
      engine: { root: "/opt/engine's" },
      kubernetes: { kubectl: "/opt/kubectl" },
    } as unknown as Parts;

    before("write them into a directory with a space and a quote in its name", async () => {
      directory = await mkdtemp(join(tmpdir(), "lab's shell-"));
      const paths = labPaths(directory);
      const cluster = new Cluster(paths, {
        nodes: [masterNode(), workerNode(1)],
        binaries: {},
        images: [],
      });
      const places = shellPlaces(paths);
      const operator = { AWS_ACCESS_KEY_ID: "AKIA", KUBECONFIG: paths.kubeconfig, PATH: "/bin" };
      await mkdir(places.project, { recursive: true });
      const environment = shellEnvironment(paths, places, parts, operator);
      await writeEntrance(cluster, places, parts, environment);
    });

    after("remove them", () => rm(directory, { recursive: true }));

    it("open a bash in the operator's network, with the lab's environment and not the user's own", async () => {
      const { entrance, project } = shellPlaces({ directory });
      assert.equal((await stat(entrance)).mode & 0o777, 0o755);
      const script = await readFile(entrance, "utf8");
      // The same script without the network that is not there.
      const here = script.replace(/^exec .* bash "\$@"$/m, 'exec /bin/bash "$@"');
      assert.notEqual(here, script);
      assert.match(script, /^exec nsenter '?--net=.*-operator'? -- bash "\$@"$/m);
      const asked =
        "pwd; echo $PULUMI_STACK $AWS_ACCESS_KEY_ID ${AWS_PROFILE-none}; echo $KUBECONFIG";
      const answer = execFileSync("/bin/bash", ["--norc", "-c", here, "enter", "-c", asked], {
        env: { AWS_PROFILE: "work", PULUMI_STACK: "production" },
        encoding: "utf8",
      });
      const lines = [project, "lab AKIA none", labPaths(directory).kubeconfig, ""];
      assert.deepEqual(answer.split("\n"), lines);
    });

    it("have ssh find each node by its name, and take no host key that is not the lab's", () => {
      const { sshConfig } = shellPlaces({ directory });
      const config = execFileSync("ssh", ["-G", "-T", "-F", sshConfig, "worker-1"], {
        encoding: "utf8",
        input: "",
      });
      const { ssh } = labPaths(directory);
      for (const line of [
        "hostname 10.99.0.11",
        "user ubuntu",
        "stricthostkeychecking true",
        `userknownhostsfile ${ssh.knownHosts}`,
        `identityfile ${ssh.key}`,
      ]) {
        assert.ok(config.includes(`${line}\n`), `${line}\n${config}`);
      }
    });
  });
});
