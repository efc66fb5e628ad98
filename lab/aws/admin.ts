/** Access to the lab's IAM: the admin's, who makes what a migration finds, and the operator's. */
import { readFile } from "node:fs/promises";
import { IAMClient } from "@aws-sdk/client-iam";
import type { LabPaths } from "../paths.js";
import { AWS_ENDPOINT, AWS_REGION, adminFile, operatorFile } from "./command.js";

export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
}

/** The key of the running lab's operator, who may what rights/iam says. */
export function readOperatorKey(paths: LabPaths): Promise<AccessKey> {
  return readKey(operatorFile(paths));
}

/** IAM as its admin; the calling process has to be in one of the lab's network namespaces. */
export async function adminIam(paths: LabPaths): Promise<IAMClient> {
  return iamAs(await readKey(adminFile(paths)));
}

/** IAM as the operator; from the same places. */
export async function operatorIam(paths: LabPaths): Promise<IAMClient> {
  return iamAs(await readOperatorKey(paths));
}

async function readKey(file: string): Promise<AccessKey> {
  return JSON.parse(await readFile(file, "utf8")) as AccessKey;
}

function iamAs(credentials: AccessKey): IAMClient {
  return new IAMClient({ endpoint: AWS_ENDPOINT, region: AWS_REGION, credentials });
}
