/** A script as a tree of texts, names and groups: how it is taken apart, and put together again. */

const inside = ({ start, end }, from, to) => start >= from && end <= to;

/** The part of the script from one place to another. */
export function partsOf(code, from, to, names, groups) {
  const parts = [];
  let at = from;
  const outer = groups.filter((one) => !groups.some((other) => other != one && inside(one, other.start, other.end)));
  const here = [...names.filter(({ node }) => !outer.some(({ start, end }) => inside(node, start, end))), ...outer];
  here.sort((a, b) => (a.node ?? a).start - (b.node ?? b).start);
  for (const one of here) {
    const { start, end } = one.node ?? one;
    if (at < start) parts.push({ start: at, end: start, text: code.slice(at, start) });
    at = end;
    if (one.text) {
      parts.push({ start, end, text: one.text });
      continue;
    }
    if (one.name) {
      const { as, exported, name } = one.node;
      // `export { a }` becomes `export { b as a }`.
      parts.push({ start, end, name: one.name, as, after: exported ? " as " + name : "" });
      continue;
    }
    const within = names.filter(({ node }) => inside(node, start, end));
    const deeper = groups.filter((other) => other != one && inside(other, start, end));
    one.items = one.items.map(({ key, node }) => ({
      key,
      parts: partsOf(
        code,
        node.start,
        node.end,
        within.filter((name) => inside(name.node, node.start, node.end)),
        deeper.filter((other) => inside(other, node.start, node.end)),
      ),
    }));
    parts.push({ group: one });
  }
  if (at < to) parts.push({ start: at, end: to, text: code.slice(at, to) });
  return parts;
}

/** The script as it is now. `spans` gets what stands where: [start, end) of the old script, and where that begins in the new one. */
export function render({ parts }, spans) {
  let code = "";
  function add(parts) {
    for (const { text, name, group, as, after, start, end } of parts) {
      if (group) {
        group.items.forEach((item, i) => {
          if (i) code += group.separator;
          add(item.parts);
        });
        continue;
      }
      spans?.push({ start, end, at: code.length });
      if (text !== undefined) code += text;
      else code += (as && as.name != name.name ? as.name + ":" : "") + name.name + (after == " as " + name.name ? "" : after);
    }
  }
  add(parts);
  return code;
}
