// List of names and values in the details.

import { el } from './dom.js';
import { isoFull, NONE } from './format.js';

/** Creates a description list of [name, node or text] pairs. */
export function facts(pairs) {
  return el('dl', { class: 'facts' }, ...pairs.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}

/** Creates a time in the browser's time zone, with UTC in its title. */
export function moment(iso) {
  const text = isoFull(iso);
  return text === NONE ? NONE : el('time', { datetime: iso, title: `${iso} (UTC)` }, text);
}
