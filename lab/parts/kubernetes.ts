import { chmod, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { exists, publish } from "./cache.js";
import {
  type Context,
  givenSource,
  goArchitecture,
  partModule,
  requiredVersion,
} from "./context.js";
import { type GoBuild, buildGo, isBuilt } from "./goBuild.js";
import { type Found, type Source, Unavailable } from "./search.js";
import { KUBERNETES_PROGRAMS, type KubernetesProgram } from "./types.js";
import { reportedVersion } from "./version.js";

type Programs = Record<KubernetesProgram, string>;

/** Where to look for Kubernetes: named, official release, built from k8s.io/kubernetes. */
export async function kubernetesSources(context: Context): Promise<Source<Programs>[]> {
  const version = await requiredVersion("kubernetes", "k8s.io/kubernetes");
  const build = kubernetesBuild(version);
  return [
    givenSource(context, "kubernetes", verify),
    {
      origin: "official",
      find: async () => {
        const directory = join(context.cache, "official", `kubernetes-${version}`);
        if (!(await exists(directory)) && (await isBuilt(build, context.cache)))
          throw new Unavailable("not asked for: a build is in the cache");
        return verify(await download(context, version, directory));
      },
    },
    {
      origin: "built",
      find: async () => {
        const directory = await buildGo(build, context.cache, context.progress, async (bin) => {
          // One binary that looks at the name it was called by.
          for (const program of KUBERNETES_PROGRAMS)
            await symlink("kubernetes", join(bin, program));
        });
        return verify(join(directory, "bin"));
      },
    },
  ];
}

function kubernetesBuild(version: string): GoBuild {
  const [major, minor] = version.slice(1).split(".");
  const prefix = "k8s.io/component-base/version";
  return {
    name: "kubernetes",
    directory: partModule("kubernetes"),
    packages: ["."],
    program: "kubernetes",
    // A build from modules does not know its version; components compare it with each other's.
    variables: {
      [`${prefix}.gitVersion`]: version,
      [`${prefix}.gitMajor`]: major ?? "",
      [`${prefix}.gitMinor`]: minor ?? "",
    },
  };
}

async function download(context: Context, version: string, directory: string): Promise<string> {
  if (await exists(directory)) return directory;
  const base = `https://dl.k8s.io/${version}/bin/linux/${goArchitecture()}`;
  await context.network.requireHost(`${base}/kubectl.sha256`);
  return context.progress.run(`Downloading Kubernetes ${version}`, (step) =>
    publish(directory, async (staging) => {
      await mkdir(staging, { recursive: true });
      for (const program of KUBERNETES_PROGRAMS) {
        const url = `${base}/${program}`;
        const sha256 = (await context.network.text(`${url}.sha256`)).trim();
        await context.network.file(url, join(staging, program), sha256, step);
        await chmod(join(staging, program), 0o755);
      }
    }),
  );
}

async function verify(directory: string): Promise<Found<Programs>> {
  const programs: Partial<Programs> = {};
  const versions: Partial<Record<KubernetesProgram, string>> = {};
  for (const program of KUBERNETES_PROGRAMS) {
    programs[program] = join(directory, program);
    versions[program] =
      program === "kubectl"
        ? await reportedVersion(programs[program], ["version", "--client"], /Client Version: (\S+)/)
        : await reportedVersion(programs[program], ["--version"], /Kubernetes (v\S+)/);
  }
  const version = versions.kubelet ?? "";
  const others = KUBERNETES_PROGRAMS.filter((program) => versions[program] !== version);
  return {
    value: programs as Programs,
    version,
    note: others.map((program) => `${program} ${versions[program]}`).join(", ") || undefined,
  };
}
