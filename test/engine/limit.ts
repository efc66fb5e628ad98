/*
 * Many times what is taken alone on 2 cores: these tests also pass where two labs run beside them.
 */

/** Milliseconds that a test may take. */
export const limit = 600_000;

/** Milliseconds that a test waits for one condition. */
export const patience = 180_000;
