// Making and updating elements. Text only ever becomes text nodes: nothing here, or anywhere on the page, parses HTML.

const SVG = 'http://www.w3.org/2000/svg';
const rowsOf = new WeakMap();

/** Makes an HTML element; attributes that are null or undefined are left out. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Makes an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Sets an element's text, touching the page only when it differs. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute, touching the page only when it differs. */
export function setAttribute(node, name, value) {
  const text = String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

/** Makes the children of `parent` those of `items`, in order, keeping the nodes whose key stays. */
export function keyed(parent, items, keyOf, create, update) {
  const held = rowsOf.get(parent) ?? new Map();
  const wanted = new Map();
  for (const item of items) wanted.set(String(keyOf(item)), item);
  for (const [key, node] of held) {
    if (!wanted.has(key)) {
      node.remove();
      held.delete(key);
    }
  }
  let place = parent.firstChild;
  for (const [key, item] of wanted) {
    let node = held.get(key);
    if (!node) {
      node = create(item);
      held.set(key, node);
    }
    update?.(node, item);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  rowsOf.set(parent, held);
}
