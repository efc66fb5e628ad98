/**
 * Stand-in for Pulumi's Node.js language host, for machines that cannot download the official one. It
 * runs a program as the official host of the same version does: by @pulumi/pulumi's own cmd/run.
 */
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";

import { engineAddress, listen } from "../../launch/listen.js";
import { packageVersion } from "../../launch/package-version.js";
import { languageRuntime } from "./runtime.js";

const cancelled = new AbortController();
const version = packageVersion("@pulumi/pulumi");

void listen(
  LanguageRuntimeService,
  languageRuntime({ version, engine: engineAddress() ?? "" }, cancelled),
  cancelled,
);
