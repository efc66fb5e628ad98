/** A question that has to be answered before anything is done. */
export interface Confirmation {
  question: string;
  accepts: (answer: string) => boolean;
}

/** Names of stacks whose cluster serves the public, by the words that are usual in them. */
const production = /prod|prd|\blive\b/i;

/**
 * What is asked before a move. For production a `y` is typed too easily, so the stack's name has to
 * be.
 *
 * @param does such as `Move stack staging to stage cutover`
 */
export function confirmationOf(stack: string, does: string): Confirmation {
  if (!production.test(stack)) {
    return {
      question: `${does}? [y/N]`,
      accepts: (answer) => /^\s*y(es)?\s*$/i.test(answer),
    };
  }
  return {
    question: `${does}? This is production. Type the name of the stack to go on:`,
    accepts: (answer) => answer.trim() === stack,
  };
}
