/** Failures in the engine's protocol. */
import * as grpc from "@grpc/grpc-js";
import * as anypb from "google-protobuf/google/protobuf/any_pb";
import * as pb from "@pulumi/pulumi/proto/provider_pb.js";
import * as statuspb from "@pulumi/pulumi/proto/status_pb.js";

import { plainStatus } from "../../launch/unary.js";
import { PartialFailure } from "./provider.js";
import { encode } from "./values.js";

/** An error as gRPC sends it; a `PartialFailure` carries the state the engine has to record. */
export function toServiceError(error: unknown): Partial<grpc.StatusObject> {
  const plain = plainStatus(error);
  const metadata = new grpc.Metadata();
  if (error instanceof PartialFailure) {
    const detail = new pb.ErrorResourceInitFailed()
      .setId(error.id)
      .setProperties(encode(error.outputs))
      .setReasonsList(error.reasons);
    if (error.inputs) {
      detail.setInputs(encode(error.inputs));
    }
    const packed = new anypb.Any();
    packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const status = new statuspb.Status().setCode(plain.code).setMessage(plain.details);
    status.addDetails(packed);
    // gRPC's rich error model: structured details travel in this trailer.
    metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  }
  return { ...plain, metadata };
}
