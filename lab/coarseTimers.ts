import { writeFileSync } from "node:fs";

/** How much later than asked for a sleep may end, in nanoseconds; Linux's own default is 50,000. */
const SLACK_NANOSECONDS = 2_000_000;

/**
 * Lets sleeps of all processes that this one starts from now on end up to 2 ms late. Go's runtime has a
 * thread that sleeps for 20 microseconds again and again while a program is at work. With dozens of Go
 * programs on two cores half of all context switches were its (`timerslack_ns`, proc(5)). What waits for
 * the network is not delayed.
 */
export function coarsenTimers(): void {
  try {
    writeFileSync("/proc/self/timerslack_ns", String(SLACK_NANOSECONDS));
  } catch {
    // Where that may not be written, everything only takes more of the processors.
  }
}
