/** Calls of the engine that have one answer. */
import type * as grpc from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";

import { messageOf } from "../../../migration/text/text.js";

/** Answers what `handle` returns, or what it threw as a gRPC status. */
export function unary<Request, Answer>(
  handle: (request: Request) => Promise<Answer>,
  statusOf: (error: unknown) => Partial<grpc.StatusObject> = plainStatus,
): grpc.handleUnaryCall<Request, Answer> {
  return (call, callback) => {
    // A handler may fail before its first await; both ways end here.
    Promise.resolve()
      .then(() => handle(call.request))
      .then(
        (answer) => callback(null, answer),
        (error: unknown) => callback(statusOf(error)),
      );
  };
}

/** An error as gRPC sends it, with nothing but its message. */
export function plainStatus(error: unknown): Pick<grpc.StatusObject, "code" | "details"> {
  return { code: status.UNKNOWN, details: messageOf(error) };
}
