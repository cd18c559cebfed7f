/** Reads a script, and finds what `names.mjs` can name and put in another order. */
import { parse } from "acorn";
import { partsOf } from "./names-parts.mjs";

// The classes of what applications keep things of their own on.
const SHARED = /^(Emitter|Manager|Socket)\b/;

/**
 * What can be changed in a script: `names`, each `{ home, key, name, rivals }` (the rivals must not have the same); `groups`, each
 * `{ home, items }`, whose items can be in any order; and `parts`, the script as a tree of texts, names and groups. `home` and
 * `key` say in words which one it is, the same in every bundle.
 */
export function analyse(code) {
  const names = [];
  const spots = [];
  const groups = [];
  const free = new Set();
  const scopes = [];
  const references = [];
  const homes = new Map();

  function open(parent, home = parent.home, own = false) {
    const scope = { parent, home, own, names: new Map(), live: new Set() };
    scopes.push(scope);
    return scope;
  }
  /** The path of a function; those of the same name are numbered. */
  function homeOf(scope, label) {
    const path = scope.home ? scope.home + "." + label : label;
    const count = (homes.get(path) ?? 0) + 1;
    homes.set(path, count);
    return count > 1 ? path + count : path;
  }
  function add(home, text) {
    let key = text.replace(/\$\d+$/, "");
    for (let i = 2; names.some((name) => name.home == home && name.key == key); i++) key = text + i;
    const name = { home, key, name: text, rivals: new Set() };
    names.push(name);
    return name;
  }
  /** Neighbours that may change places. */
  function group(home, nodes, separator) {
    const apart = nodes.some((node, i) => i && code.slice(nodes[i - 1].end, node.start) != separator);
    if (nodes.length < 2 || apart) return;
    const items = nodes.map((node) => ({ key: (node.key ?? node.id ?? node.exported).name, node }));
    groups.push({ home, items, separator, start: nodes[0].start, end: nodes.at(-1).end });
  }
  /** Whether nobody sees when a value is made: nothing is called for it, and nothing changed. */
  const quiet = (node) =>
    !node?.type || /Function/.test(node.type) || (!/Call|New|Assignment|Update|Await|Yield|Class/.test(node.type) && Object.values(node).flat().every(quiet));
  /** Variables side by side whose values are functions or simple: nobody sees which one comes first. */
  function neighbours(declarations, scope) {
    const simple = ({ id, init }) =>
      id.type == "Identifier" && (!init || /Function|^Literal/.test(init.type) || (init.type == "ArrayExpression" && !init.elements.length));
    let run = [];
    for (const node of [...declarations, null]) {
      if (node && simple(node)) run.push(node);
      else {
        if (run.length > 1) group(homeOf(scope, "let " + run.map(({ id }) => id.name).sort().join()), run, ",");
        run = [];
      }
    }
  }
  function declare(scope, id) {
    let name = scope.names.get(id.name);
    if (!name) {
      name = add(scope.home, id.name);
      name.scope = scope;
      scope.names.set(id.name, name);
      scope.live.add(name);
    }
    spots.push({ node: id, name });
  }
  function pattern(node, scope) {
    if (!node) return;
    if (node.type == "Identifier") declare(scope, node);
    else if (node.type == "ObjectPattern") {
      const plain = node.properties.every((item) => item.type == "Property" && !item.computed && item.value.type == "Identifier");
      if (plain) group(homeOf(scope, "{" + node.properties.map(({ key }) => key.name).sort().join() + "}"), node.properties, ",");
      for (const item of node.properties) {
        if (item.type == "RestElement") pattern(item.argument, scope);
        else {
          property(item, scope);
          pattern(item.value, scope);
        }
      }
    } else if (node.type == "ArrayPattern") for (const item of node.elements) pattern(item, scope);
    else if (node.type == "RestElement") pattern(node.argument, scope);
    else if (node.type == "AssignmentPattern") {
      pattern(node.left, scope);
      walk(node.right, scope);
    } else throw new Error("unknown pattern: " + node.type);
  }

  const members = new Map();
  function memberOf({ type, name }) {
    if (type != "Identifier" || !/^\$./.test(name)) return;
    if (!members.has(name)) members.set(name, add("$", name));
    return members.get(name);
  }
  function member(node, scope) {
    const name = memberOf(node);
    if (!name) return;
    spots.push({ node, name });
    if (scope && SHARED.test(scope.home)) name.apart = true;
  }
  function property(node, scope) {
    if (node.computed) walk(node.key, scope);
    else if (node.shorthand) {
      const value = node.value.type == "AssignmentPattern" ? node.value.left : node.value;
      // `{ a }` becomes `{ a: b }`.
      value.as = memberOf(node.key) ?? { name: node.key.name };
    } else member(node.key);
  }
  function hoist(body, scope) {
    for (const node of body) {
      if (node.type == "FunctionDeclaration" || node.type == "ClassDeclaration") declare(scope, node.id);
      if (node.type == "VariableDeclaration") variables(node, scope);
    }
  }
  function variables(node, scope) {
    // "const" is longer, and stands beside fewer of its kind.
    if (node.kind == "const") spots.push({ node: { start: node.start, end: node.start + 5 }, text: "let" });
    if (node.kind == "var") while (!scope.own) scope = scope.parent;
    for (const { id } of node.declarations) pattern(id, scope);
  }
  function callable(node, scope, label) {
    const first = !scope.parent && !scope.names.size && node.type != "FunctionDeclaration";
    // The wrapper of a classic script is its top level.
    const inner = open(scope, first ? "" : homeOf(scope, label ?? node.id?.name ?? "fn"), true);
    if (node.type == "FunctionExpression" && node.id) declare(inner, node.id);
    for (const param of node.params) pattern(param, inner);
    if (node.body.type == "BlockStatement") {
      hoist(node.body.body, inner);
      for (const item of node.body.body) walk(item, inner);
    } else walk(node.body, inner);
  }
  function walk(node, scope, label) {
    if (!node) return;
    switch (node.type) {
      case "Identifier":
        references.push({ node, scope });
        break;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        callable(node, scope, label);
        break;
      case "ClassDeclaration":
      case "ClassExpression": {
        walk(node.superClass, scope);
        const inner = open(scope, homeOf(scope, node.id?.name ?? label ?? "class"), true);
        if (node.type == "ClassExpression" && node.id) declare(inner, node.id);
        group(inner.home, node.body.body.filter(({ type, computed }) => type == "MethodDefinition" && !computed), "");
        group(inner.home + " fields", node.body.body.filter(({ type, value }) => type == "PropertyDefinition" && quiet(value)), "");
        for (const item of node.body.body) {
          if (item.computed) walk(item.key, inner);
          else member(item.key, inner);
          walk(item.value, inner, item.key.name);
        }
        break;
      }
      case "BlockStatement": {
        const inner = open(scope);
        hoist(node.body, inner);
        for (const item of node.body) walk(item, inner);
        break;
      }
      case "ForStatement":
      case "ForOfStatement":
      case "ForInStatement": {
        const inner = open(scope);
        const head = node.init ?? node.left;
        if (head?.type == "VariableDeclaration") variables(head, inner);
        for (const part of [head, node.test, node.update, node.right, node.body]) walk(part, inner);
        break;
      }
      case "CatchClause": {
        const inner = open(scope);
        pattern(node.param, inner);
        hoist(node.body.body, inner);
        for (const item of node.body.body) walk(item, inner);
        break;
      }
      case "VariableDeclaration":
        for (const { id, init } of node.declarations) walk(init, scope, id.name);
        neighbours(node.declarations, scope);
        break;
      case "MemberExpression":
        walk(node.object, scope);
        if (node.computed) walk(node.property, scope);
        else member(node.property, node.object.type == "ThisExpression" && scope);
        break;
      case "ObjectExpression": {
        const plain = node.properties.every((item) => item.type == "Property" && !item.computed && quiet(item.value));
        // Classes, in the module their names, stay as they are: the order of the transports is the order in which they are tried.
        if (plain && node.properties.some(({ value }) => value.type != "Identifier")) {
          group(homeOf(scope, "of " + node.properties.map(({ key }) => key.name).sort().join()), node.properties, ",");
        }
        for (const item of node.properties) walk(item, scope);
        break;
      }
      case "Property":
        property(node, scope);
        walk(node.value, scope, node.key.name);
        break;
      case "AssignmentExpression":
        walk(node.left, scope);
        walk(node.right, scope, node.left.property?.name);
        break;
      case "ExportNamedDeclaration":
        group("export", node.specifiers, ",");
        for (const { local, exported } of node.specifiers) {
          if (local.start == exported.start) local.exported = true;
          references.push({ node: local, scope });
        }
        break;
      case "LabeledStatement":
        walk(node.body, scope);
        break;
      case "BreakStatement":
      case "ContinueStatement":
        break;
      default:
        for (const value of Object.values(node)) {
          for (const item of Array.isArray(value) ? value : [value]) if (item?.type) walk(item, scope);
        }
    }
  }

  const program = parse(code, { sourceType: "module", ecmaVersion: 2022 });
  const top = open(null, "", true);
  hoist(program.body, top);
  for (const item of program.body) walk(item, top);
  for (const { node, scope } of references) {
    let home = scope;
    while (home && !home.names.has(node.name)) home = home.parent;
    if (!home) {
      free.add(node.name);
      continue;
    }
    const name = home.names.get(node.name);
    spots.push({ node, name });
    for (let inner = scope; inner != home; inner = inner.parent) inner.live.add(name);
  }
  for (const { live } of scopes) for (const a of live) for (const b of live) if (a != b) a.rivals.add(b);
  for (const a of members.values()) for (const b of members.values()) if (a != b) a.rivals.add(b);
  spots.sort((a, b) => a.node.start - b.node.start);

  return { names, groups, parts: partsOf(code, 0, code.length, spots, groups), free };
}
