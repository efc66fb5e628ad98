/**
 * The engine's calls to a language host: `pulumirpc.LanguageRuntime`. What is not here is answered as
 * not implemented, which the engine says where it asks for it: the older GetRequiredPlugins, plugins
 * written in TypeScript, and all that generates code.
 */
import type * as grpc from "@grpc/grpc-js";
import * as emptypb from "google-protobuf/google/protobuf/empty_pb";
import * as pb from "@pulumi/pulumi/proto/language_pb.js";
import * as pluginpb from "@pulumi/pulumi/proto/plugin_pb.js";
import { execa } from "execa";

import { plainStatus, unary } from "../../launch/unary.js";
import { installedPackages, programDependencies, type InstalledPackage } from "./packages.js";
import { runProgram } from "./program.js";

export interface LanguageHost {
  /** Of the official host whose behaviour this one follows. */
  version: string;
  /** host:port of the engine, to which programs send log messages. */
  engine: string;
}

type InstallCall = grpc.ServerWritableStream<
  pb.InstallDependenciesRequest,
  pb.InstallDependenciesResponse
>;

/** @param cancelled aborted by the engine's request to cancel, and by the caller */
export function languageRuntime(
  { version, engine }: LanguageHost,
  cancelled: AbortController,
): grpc.UntypedServiceImplementation {
  let engineAddress = engine;
  return {
    handshake: unary((request: pb.LanguageHandshakeRequest) => {
      engineAddress = request.getEngineAddress();
      return Promise.resolve(new pb.LanguageHandshakeResponse());
    }),
    getPluginInfo: unary(() => Promise.resolve(new pluginpb.PluginInfo().setVersion(version))),
    getRequiredPackages: unary(async (request: pb.GetRequiredPackagesRequest) =>
      new pb.GetRequiredPackagesResponse().setPackagesList(
        (await installedPackages(programDirectory(request))).flatMap(requiredPlugin),
      ),
    ),
    getProgramDependencies: unary(async (request: pb.GetProgramDependenciesRequest) => {
      const directory = programDirectory(request);
      const found = request.getTransitivedependencies()
        ? await installedPackages(directory)
        : await programDependencies(directory);
      return new pb.GetProgramDependenciesResponse().setDependenciesList(
        found.map((one) => new pb.DependencyInfo().setName(one.name).setVersion(one.version)),
      );
    }),
    about: unary(async () => {
      const words = 'process.execPath + " " + process.version';
      const { stdout } = await execa("node", ["-p", words]);
      const [executable = "", nodeVersion = ""] = stdout.split(/ (?=\S+$)/);
      const about = new pb.AboutResponse().setExecutable(executable).setVersion(nodeVersion);
      about.getMetadataMap().set("packagemanager", "npm");
      about.getMetadataMap().set("languageHost", "a stand-in of kube2iam-to-kiam");
      return about;
    }),
    run: (
      call: grpc.ServerUnaryCall<pb.RunRequest, pb.RunResponse>,
      callback: grpc.sendUnaryData<pb.RunResponse>,
    ) => {
      const gone = new AbortController();
      call.on("cancelled", () => gone.abort());
      const signal = AbortSignal.any([gone.signal, cancelled.signal]);
      const answer = unary((request: pb.RunRequest) => runProgram(request, engineAddress, signal));
      answer(call, callback);
    },
    installDependencies: (call: InstallCall) => {
      install(call, cancelled.signal).then(
        () => call.end(),
        (error: unknown) => call.emit("error", plainStatus(error)),
      );
    },
    cancel: unary(() => {
      cancelled.abort();
      return Promise.resolve(new emptypb.Empty());
    }),
  };
}

function programDirectory(request: { getInfo(): pb.ProgramInfo | undefined }): string {
  return request.getInfo()?.getProgramDirectory() ?? "";
}

/** The provider plugin that an npm package needs, where it is a provider's SDK. */
function requiredPlugin({ name, version, pulumi }: InstalledPackage): pluginpb.PackageDependency[] {
  if (pulumi?.resource !== true) return [];
  const plugin = new pluginpb.PackageDependency()
    .setKind("resource")
    .setName(pulumi.name ?? name.replace(/^@pulumi\//, ""))
    .setVersion(`v${(pulumi.version ?? version).replace(/^v/, "")}`)
    .setServer(pulumi.server ?? "");
  return [plugin];
}

/** Has npm install what the program needs, and passes on what npm prints while it does. */
async function install(call: InstallCall, cancelSignal: AbortSignal): Promise<void> {
  const npm = execa("npm", ["install"], {
    cwd: programDirectory(call.request),
    stdin: "ignore",
    cancelSignal,
  });
  npm.stdout.on("data", (text: Buffer) => {
    call.write(new pb.InstallDependenciesResponse().setStdout(text));
  });
  npm.stderr.on("data", (text: Buffer) => {
    call.write(new pb.InstallDependenciesResponse().setStderr(text));
  });
  await npm;
}
