/** A part of a text that must not get longer than something takes. */
export interface Section {
  /** Lines that stand in any case, as do those of `after`. */
  before?: readonly string[];
  /** Each of one line or more. Some are left out where there is no room, and each stands or goes as a whole. */
  blocks?: readonly string[];
  /** Which blocks stay where not all do; the first ones, unless it says otherwise. */
  keep?: "first" | "last";
  /** The line that stands in place of what is left out. */
  leftOut?: (count: number) => string;
  after?: readonly string[];
}

/**
 * The lines of all sections, at most `longest` characters with their line ends. Where not all has room,
 * each section may take an equal part of it, and what one does not need is for the others.
 */
export function fitted(sections: readonly Section[], longest: number): string[] {
  const always = sections.flatMap((section) => [
    ...(section.before ?? []),
    ...lineForTheRest(section, section.blocks?.length ?? 0),
    ...(section.after ?? []),
  ]);
  let left = longest - lengthOf(always);
  const rooms = new Map<Section, number>();
  const smallestFirst = [...sections].sort((a, b) => need(a) - need(b));
  for (const [index, section] of smallestFirst.entries()) {
    const share = Math.max(0, Math.floor(left / (sections.length - index)));
    const room = Math.min(need(section), share);
    rooms.set(section, room);
    left -= room;
  }
  return sections.flatMap((section) => [
    ...(section.before ?? []),
    ...kept(section, rooms.get(section) ?? 0),
    ...(section.after ?? []),
  ]);
}

function kept(section: Section, room: number): readonly string[] {
  const { blocks = [], keep = "first" } = section;
  const inOrder = keep === "first" ? blocks : [...blocks].reverse();
  let left = room;
  const tooLong = inOrder.findIndex((block) => (left -= lengthOf([block])) < 0);
  if (tooLong === -1) return blocks;
  const rest = lineForTheRest(section, blocks.length - tooLong);
  return keep === "first"
    ? [...blocks.slice(0, tooLong), ...rest]
    : [...rest, ...blocks.slice(blocks.length - tooLong)];
}

function lineForTheRest({ leftOut }: Section, count: number): string[] {
  return leftOut === undefined || count === 0 ? [] : [leftOut(count)];
}

function need({ blocks = [] }: Section): number {
  return lengthOf(blocks);
}

function lengthOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0);
}
