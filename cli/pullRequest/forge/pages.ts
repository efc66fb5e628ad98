/** What both GitHub and GitLab give on one page at most. */
const perPage = 100;

/** All that a list has. A page that is not full is the last one. */
export async function allPages<Item>(
  page: (query: string) => Promise<readonly Item[]>,
): Promise<Item[]> {
  const all: Item[] = [];
  for (let number = 1; ; number++) {
    const items = await page(`per_page=${perPage}&page=${number}`);
    all.push(...items);
    if (items.length < perPage) return all;
  }
}
