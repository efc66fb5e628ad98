/** What a command of kiam-migrate exits with; scripts and CI rely on it. */
export const exitCodes = {
  /** Nothing stands in the way; what was asked for is done. */
  ok: 0,
  /** It worked, and the answer is no: a finding blocks, or something is left to do. */
  findings: 1,
  /** The command line or the stack's settings are wrong; nothing was looked at. */
  usage: 2,
  /** It could not look, or could not do what it was told. */
  failed: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For the end of every `--help`. */
export const exitCodesHelp = `
Exit codes:
  0  nothing stands in the way; what was asked for is done
  1  the answer is no: a finding blocks, or something is left to do
  2  the command line or the stack's settings are wrong; nothing was looked at
  3  it could not look, or could not do what it was told`;
