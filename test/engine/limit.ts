/*
 * CI runs the tests with the engine at a low priority beside two labs. So these are many times what
 * is taken alone on 2 cores.
 */

/** Milliseconds that a test may take. */
export const limit = 600_000;

/** Milliseconds that a test waits for one condition. */
export const patience = 180_000;
