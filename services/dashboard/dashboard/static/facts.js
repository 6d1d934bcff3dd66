// List of names and values in the details.

import { el } from './dom.js';
import { isoFull, NONE } from './format.js';

/** Creates a description list of [name, node or text, title of the name] pairs; a title may be missing. */
export function facts(pairs, kind = '') {
  return el('dl', { class: `facts ${kind}` },
    ...pairs.map(([name, value, title]) => el('div', {}, el('dt', { title }, name), el('dd', {}, value))));
}

/** Creates a time in the browser's time zone, with UTC in its title. */
export function moment(iso) {
  const text = isoFull(iso);
  return text === NONE ? NONE : el('time', { datetime: iso, title: `${iso} (UTC)` }, text);
}
