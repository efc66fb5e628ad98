/** Log lines to the engine, attached to a resource by its URN. */
import * as grpc from "@grpc/grpc-js";
import * as enginerpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import * as enginepb from "@pulumi/pulumi/proto/engine_pb.js";

import type { Log, Severity } from "./provider.js";

const SEVERITIES = {
  debug: enginepb.LogSeverity.DEBUG,
  info: enginepb.LogSeverity.INFO,
  warning: enginepb.LogSeverity.WARNING,
  error: enginepb.LogSeverity.ERROR,
} as const;

export class EngineLog {
  private readonly client: enginerpc.EngineClient | undefined;

  /** @param address host:port of the engine; undefined where the plugin runs without one. */
  constructor(address: string | undefined) {
    if (address) {
      this.client = new enginerpc.EngineClient(address, grpc.credentials.createInsecure());
    }
  }

  for(urn: string): Log {
    return {
      message: (severity, text) => this.send(urn, severity, text, false),
      status: (severity, text) => this.send(urn, severity, text, true),
    };
  }

  private send(urn: string, severity: Severity, text: string, ephemeral: boolean): Promise<void> {
    const { client } = this;
    if (!client) {
      return Promise.resolve();
    }
    const request = new enginepb.LogRequest()
      .setSeverity(SEVERITIES[severity])
      .setMessage(text)
      .setUrn(urn)
      .setStreamid(0)
      .setEphemeral(ephemeral);
    // A lost log line must never fail the operation it tells about.
    return new Promise((resolve) => client.log(request, () => resolve()));
  }
}
