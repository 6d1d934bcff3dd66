// Creating and updating elements. Text is only set as text nodes: no code of the page parses HTML.

const SVG = 'http://www.w3.org/2000/svg';
const rowsOf = new WeakMap();

/** Creates an HTML element; attributes that are null or undefined are omitted. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Creates an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Sets an element's text if it differs. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute if it differs. */
export function setAttribute(node, name, value) {
  const text = String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

/** Updates the children of `parent` to match `items`, in order; nodes are reused by key. */
export function keyed(parent, items, keyOf, create, update) {
  const nodes = rowsOf.get(parent) ?? new Map();
  const wanted = new Map();
  for (const item of items) wanted.set(String(keyOf(item)), item);
  for (const [key, node] of nodes) {
    if (!wanted.has(key)) {
      node.remove();
      nodes.delete(key);
    }
  }
  let place = parent.firstChild;
  for (const [key, item] of wanted) {
    let node = nodes.get(key);
    if (!node) {
      node = create(item);
      nodes.set(key, node);
    }
    update?.(node, item);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  rowsOf.set(parent, nodes);
}
