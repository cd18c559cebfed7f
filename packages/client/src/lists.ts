/** What several files do with lists. */

/** Removes an item from a list, if it is there. */
export function remove(list: any[], item: any): void {
  const i = list.indexOf(item);
  if (i >= 0) list.splice(i, 1);
}
