// Drift of each field of the current payments from the training history.

import { el, keyed, setAttribute, setText } from './dom.js';
import { count, words } from './format.js';
import { plain } from './untrusted.js';

// The limit is at the same position in every row, so that rows are comparable.
const LIMIT_AT = 60;
// More fields than fit into the panel: the nearest to drifting come first, and the list scrolls.
const MOST_IN_ORDER = 6;

/** List with one bar per field, relative to its limit. */
export class Drift {
  constructor(list, aside) {
    this.list = list;
    this.aside = aside;
  }

  /** Shows the population stability index of each field. */
  render({ drift }) {
    const drifting = drift.filter((field) => field.drifting).length;
    setText(this.aside, drift.length ? (drifting ? `▲ ${count(drifting, 'field')} drifting` : 'PSI and its limit') : '');
    this.aside.classList.toggle('alert', drifting > 0);
    const fields = drift.length > MOST_IN_ORDER ? drift.toSorted(nearestFirst) : drift;
    keyed(this.list, fields.length ? fields : [null], (field) => field?.field ?? '', (field) => (field ? row(field) : none()), update);
  }
}

function nearestFirst(a, b) {
  return b.drifting - a.drifting || b.psi * a.limit - a.psi * b.limit;
}

function none() {
  return el('li', { class: 'calm' }, 'Unknown yet: more payments are needed to compare them with the history.');
}

function row(field) {
  const limit = el('i', { class: 'limit' });
  limit.style.left = `${LIMIT_AT}%`;
  return el('li', { class: 'bar-row', 'data-testid': 'drift-row', 'data-field': field.field },
    el('span', { class: 'bar-name', title: plain(field.field) }, plain(words(field.field))), el('span', { class: 'bar-value' }),
    el('span', { class: 'track' }, el('i'), limit));
}

function update(node, field) {
  if (!field) return;
  const [, value, track] = node.children;
  node.classList.toggle('alert', field.drifting);
  setAttribute(node, 'data-drifting', field.drifting);
  setText(value, `${field.psi.toFixed(3)} of ${field.limit.toFixed(3)} ${field.drifting ? '▲ drifting' : '✓ steady'}`);
  track.firstChild.style.width = `${Math.min(100, (field.psi / field.limit) * LIMIT_AT)}%`;
}
