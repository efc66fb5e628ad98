export type Severity = "blocks" | "warns" | "informs";

/** What the documentation says of a finding, whatever object it is about (docs/findings.md). */
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
   * Whether somebody may acknowledge it (setting audit.acknowledged), so that it blocks no more.
   * Not where no plan can be made, or where the program would act on what it does not know.
   */
  acknowledgeable: boolean;
  /** Where that is known from: an issue such as `kiam#398`, a flag, a measurement. */
  source?: string;
}

export type Catalogue = Record<string, CatalogueEntry>;
