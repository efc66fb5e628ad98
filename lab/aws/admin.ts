/** The operator's access to the lab's IAM. */
import { readFile } from "node:fs/promises";
import { IAMClient } from "@aws-sdk/client-iam";
import type { LabPaths } from "../paths.js";
import { AWS_ENDPOINT, AWS_REGION, adminFile } from "./command.js";

export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
}

/** The admin's key of the running lab. */
export async function readAdminKey(paths: LabPaths): Promise<AccessKey> {
  return JSON.parse(await readFile(adminFile(paths), "utf8")) as AccessKey;
}

/** IAM as its admin; the calling process has to be in one of the lab's network namespaces. */
export async function adminIam(paths: LabPaths): Promise<IAMClient> {
  return new IAMClient({
    endpoint: AWS_ENDPOINT,
    region: AWS_REGION,
    credentials: await readAdminKey(paths),
  });
}
