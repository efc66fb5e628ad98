/** The engine's calls, translated into calls of a `Provider`. */
import type * as grpc from "@grpc/grpc-js";
import type * as structpb from "google-protobuf/google/protobuf/struct_pb";
import * as emptypb from "google-protobuf/google/protobuf/empty_pb";
import * as pluginpb from "@pulumi/pulumi/proto/plugin_pb.js";
import * as pb from "@pulumi/pulumi/proto/provider_pb.js";

import { unary as answering } from "../../launch/unary.js";
import type { EngineLog } from "./engine-log.js";
import { toServiceError } from "./errors.js";
import type { Autonaming, Operation, Provider, Resource } from "./provider.js";
import { changes } from "./diff.js";
import { diffResponse } from "./diff-response.js";
import { decode, encode, type PropertyMap } from "./values.js";

/**
 * The implementation of the gRPC service for this provider.
 *
 * @param cancelled aborted by the engine's request to cancel, and by the caller
 */
export function handlers(
  provider: Provider,
  log: EngineLog,
  cancelled: AbortController,
): grpc.UntypedServiceImplementation {
  const operation = (urn: string): Operation => {
    const [qualifiedType = "", name = ""] = urn.split("::").slice(2);
    const type = qualifiedType.split("$").at(-1) ?? "";
    return { urn, name, type, signal: cancelled.signal, log: log.for(urn) };
  };
  const resource = (urn: string): Resource => {
    const { type } = operation(urn);
    const found = provider.resource(type);
    if (!found) {
      throw new Error(
        `The stand-in for the ${provider.name} provider has no resource type ${type}. ` +
          "Use the official plugin, or add the type to lab/standins/providers.",
      );
    }
    return found;
  };

  return {
    getPluginInfo: unary(() =>
      Promise.resolve(new pluginpb.PluginInfo().setVersion(provider.version)),
    ),
    getSchema: unary(() =>
      Promise.resolve(
        new pb.GetSchemaResponse().setSchema(
          JSON.stringify({ name: provider.name, version: provider.version }),
        ),
      ),
    ),
    checkConfig: unary((request: pb.CheckRequest) =>
      Promise.resolve(new pb.CheckResponse().setInputs(request.getNews())),
    ),
    diffConfig: unary((request: pb.DiffRequest) => {
      const before = decode(request.getOldInputs() ?? request.getOlds());
      const list = changes(before, decode(request.getNews()));
      return Promise.resolve(
        diffResponse({ changes: list, replaces: () => false, deleteBeforeReplace: false }),
      );
    }),
    configure: unary(async (request: pb.ConfigureRequest) => {
      await provider.configure(decode(request.getArgs()));
      return new pb.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    }),
    check: unary(async (request: pb.CheckRequest) => {
      const { inputs, failures = [] } = await resource(request.getUrn()).check({
        ...operation(request.getUrn()),
        olds: decode(request.getOlds()),
        news: decode(request.getNews()),
        seed: request.getRandomseed_asU8(),
        autonaming: autonaming(request.getAutonaming()),
      });
      return new pb.CheckResponse()
        .setInputs(encode(inputs))
        .setFailuresList(
          failures.map(({ property, reason }) =>
            new pb.CheckFailure().setProperty(property).setReason(reason),
          ),
        );
    }),
    diff: unary(async (request: pb.DiffRequest) =>
      diffResponse(
        await resource(request.getUrn()).diff({
          ...operation(request.getUrn()),
          id: request.getId(),
          ...olds(request.getOldInputs(), request.getOlds()),
          news: decode(request.getNews()),
          ignoreChanges: request.getIgnorechangesList(),
        }),
      ),
    ),
    create: unary(async (request: pb.CreateRequest) => {
      const { id, outputs } = await resource(request.getUrn()).create({
        ...operation(request.getUrn()),
        preview: request.getPreview(),
        timeout: request.getTimeout(),
        inputs: decode(request.getProperties()),
      });
      return new pb.CreateResponse().setId(id).setProperties(encode(outputs));
    }),
    update: unary(async (request: pb.UpdateRequest) => {
      const { outputs } = await resource(request.getUrn()).update({
        ...operation(request.getUrn()),
        id: request.getId(),
        preview: request.getPreview(),
        timeout: request.getTimeout(),
        ...olds(request.getOldInputs(), request.getOlds()),
        inputs: decode(request.getNews()),
        ignoreChanges: request.getIgnorechangesList(),
      });
      return new pb.UpdateResponse().setProperties(encode(outputs));
    }),
    delete: unary(async (request: pb.DeleteRequest) => {
      const { oldInputs, oldOutputs } = olds(request.getOldInputs(), request.getProperties());
      await resource(request.getUrn()).delete({
        ...operation(request.getUrn()),
        id: request.getId(),
        timeout: request.getTimeout(),
        oldInputs,
        outputs: oldOutputs,
      });
      return new emptypb.Empty();
    }),
    read: unary(async (request: pb.ReadRequest) => {
      const found = await resource(request.getUrn()).read({
        ...operation(request.getUrn()),
        id: request.getId(),
        inputs: decode(request.getInputs()),
        outputs: decode(request.getProperties()),
      });
      const response = new pb.ReadResponse();
      return found
        ? response
            .setId(found.id)
            .setProperties(encode(found.outputs))
            .setInputs(encode(found.inputs))
        : response;
    }),
    invoke: unary(async (request: pb.InvokeRequest) => {
      const token = request.getTok();
      const answer = provider.invoke({
        token,
        args: decode(request.getArgs()),
        signal: cancelled.signal,
        log: log.for(""),
      });
      if (!answer) {
        throw new Error(`The stand-in for the ${provider.name} provider has no function ${token}.`);
      }
      return new pb.InvokeResponse().setReturn(encode(await answer));
    }),
    cancel: unary(() => {
      cancelled.abort();
      return Promise.resolve(new emptypb.Empty());
    }),
  };
}

function unary<Q, R>(handle: (request: Q) => Promise<R>): grpc.handleUnaryCall<Q, R> {
  return answering(handle, toServiceError);
}

function olds(
  inputs: structpb.Struct | undefined,
  outputs: structpb.Struct | undefined,
): { oldInputs: PropertyMap; oldOutputs: PropertyMap } {
  return { oldInputs: decode(inputs), oldOutputs: decode(outputs) };
}

function autonaming(
  options: pb.CheckRequest.AutonamingOptions | undefined,
): Autonaming | undefined {
  if (!options) {
    return undefined;
  }
  const { ENFORCE, DISABLE } = pb.CheckRequest.AutonamingOptions.Mode;
  const mode = options.getMode();
  return {
    proposedName: options.getProposedName(),
    mode: mode === ENFORCE ? "enforce" : mode === DISABLE ? "disable" : "propose",
  };
}
