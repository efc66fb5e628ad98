import { typed, type Contact } from "./contact.js";
import { stateBackendContact } from "./stateBackend.js";

/** How the pulumi command failed. */
export interface PulumiFailure {
  is: "command-missing" | "directory-missing" | "project-missing" | "failed";
  /** Its exit status; undefined where it did not run. */
  exitCode: number | undefined;
  /** What it said, without what is put around it. */
  said: string;
  /** The npm package `pulumi` ran, which only fetches the command. */
  launcher: boolean;
}

interface Place {
  stack: string;
  /** Where Pulumi.yaml is to be. */
  directory: string;
  /** PULUMI_BACKEND_URL, where that is set. */
  backend: string | undefined;
}

/** What Pulumi's command line exits with (cmd/pulumi/cmd/exit_codes.go); older ones know no such codes. */
export const exits = { notLoggedIn: 3, noStack: 6 } as const;

/**
 * For these Pulumi has no code of its own. The first is an error by name in its source
 * (secrets/passphrase/manager.go), the second its words where nothing may be asked.
 */
const passphrase = { wrong: /\bincorrect passphrase\b/, missing: /\bpassphrase must be set\b/ };

/** Its own exit status is also what any failure of the command that it starts may have. */
const launcherFailed = /^pulumi: /m;

const why = "the stack could not be read; nothing was touched";

/** What keeps a stack from being read by the pulumi command. */
export function pulumiContact(place: Place, failure: PulumiFailure): Contact {
  const { stack, directory, backend } = place;
  const common = {
    where: `stack ${stack}, directory ${directory}${backend === undefined ? "" : `, PULUMI_BACKEND_URL=${backend}`}`,
    why,
  };
  if (failure.is === "command-missing") {
    return {
      ...common,
      code: "pulumi-missing",
      what: "There is no pulumi command",
      fix: "install it (https://www.pulumi.com/docs/install/) and see that this works: pulumi version. Or run this as npx kiam-migrate, which fetches it",
    };
  }
  if (failure.is === "directory-missing" || failure.is === "project-missing") {
    return {
      ...common,
      code: failure.is,
      what:
        failure.is === "directory-missing"
          ? `There is no directory ${directory}`
          : `There is no Pulumi.yaml in ${directory}`,
      fix: "run this in the checkout of kube2iam-to-kiam, or name it: --cwd DIRECTORY",
    };
  }
  const said = [failure.said];
  if (failure.launcher && launcherFailed.test(failure.said)) {
    return {
      ...common,
      code: "pulumi-not-fetched",
      what: "No pulumi command is installed, and the npm package pulumi could not fetch it",
      said,
      fix: "install it (https://www.pulumi.com/docs/install/) and see that this works: pulumi version",
    };
  }
  if (failure.exitCode === exits.notLoggedIn) {
    return {
      ...common,
      code: "pulumi-not-logged-in",
      what: "Pulumi is not logged in to the backend that has the stack",
      said,
      fix: "pulumi login (for S3: pulumi login s3://BUCKET; in a pipeline, set PULUMI_ACCESS_TOKEN or PULUMI_BACKEND_URL)",
    };
  }
  if (failure.exitCode === exits.noStack) {
    return {
      ...common,
      code: "stack-missing",
      what: `There is no stack ${stack}`,
      said,
      fix: `pulumi stack ls lists those of the backend that you are logged in to (pulumi whoami --verbose names it). To make this one: pulumi stack init ${typed(stack)}`,
    };
  }
  const backendFailed = stateBackendContact(failure.said);
  if (backendFailed !== undefined) return { ...common, ...backendFailed, said };
  if (passphrase.wrong.test(failure.said) || passphrase.missing.test(failure.said)) {
    const missing = passphrase.missing.test(failure.said);
    return {
      ...common,
      code: missing ? "passphrase-missing" : "passphrase-wrong",
      what: missing
        ? `Stack ${stack} has secrets, and no passphrase is set`
        : `The passphrase is not that of stack ${stack}`,
      said,
      fix: "set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE, to the one that the stack was made with. A stack file that another person's passphrase encrypted cannot be used without it: remove encryptionsalt and the secure values from it, and set them anew",
    };
  }
  return {
    ...common,
    code: "pulumi-failed",
    what: `pulumi could not read stack ${stack}`,
    said,
    fix: `see what this says in that directory: pulumi stack --stack ${typed(stack)}`,
  };
}
