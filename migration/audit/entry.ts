export type Severity = "blocks" | "warns" | "informs";

/**
 * Where a finding is seen. `pulumi up` reads `cluster` alone. Only `kiam-migrate` looks at the
 * others, and at `assumeRole` (a real AssumeRole) when it is told to.
 */
export type Source = "cluster" | "iam" | "assumeRole" | "kube2iamLog" | "overSsh";

/**
 * What the documentation says of a finding, whatever object it is about (docs/findings.md). What is
 * printed of one comes from here as well, but where its judge says its own `why` or `fix`.
 */
export interface CatalogueEntry {
  /** One line: what is the case. */
  title: string;
  /** The severities it comes in, which may depend on the stage. */
  severities: readonly [Severity, ...Severity[]];
  /** How it comes about and how it is seen. */
  cause: string;
  /** What happens if nothing is done. */
  consequence: string;
  cure: string;
  /**
   * Whether it can be acknowledged (setting audit.acknowledged), so that it blocks no more.
   * Not where no plan can be made, or where the program would act on what it does not know.
   */
  acknowledgeable: boolean;
  /**
   * It keeps kiam from supplying roles, and may be the very reason for going back: an update that
   * goes back from kiam is not stopped by it.
   */
  onlyForward?: true;
  /** All that has to be looked at before its absence says anything; the cluster alone when unset. */
  seenIn?: readonly [Source, ...Source[]];
  /** Where that is known from: an issue such as `kiam#398`, a flag, a measurement. */
  source?: string;
}

export type Catalogue = Record<string, CatalogueEntry>;
