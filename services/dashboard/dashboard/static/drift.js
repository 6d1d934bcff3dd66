// Drift of each field of the current payments from the training history.

import { el, keyed, setAttribute, setText } from './dom.js';
import { count, integer, words } from './format.js';
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
  render({ drift, driftWaiting }) {
    const drifting = drift.filter((field) => field.drifting).length;
    setText(this.aside, drift.length ? (drifting ? `▲ ${count(drifting, 'field')} drifting` : 'PSI and its limit') : '');
    this.aside.classList.toggle('alert', drifting > 0);
    const fields = drift.length > MOST_IN_ORDER ? drift.toSorted(nearestFirst) : drift;
    keyed(this.list, fields.length ? fields : [null], (field) => field?.field ?? '', (field) => (field ? row(field) : el('li', { class: 'calm waiting-for', 'data-testid': 'drift-waiting' }, el('span'), el('span', { class: 'track', 'aria-hidden': 'true' }, el('i')))),
      (node, field) => (field ? update(node, field) : wait(node, driftWaiting)));
  }
}

function nearestFirst(a, b) {
  return b.drifting - a.drifting || b.psi * a.limit - a.psi * b.limit;
}

/** States why there is no drift to show, with the progress until there is. */
function wait(node, waiting) {
  const [text, track] = node.children;
  setText(text, reasonFor(waiting));
  track.hidden = !waiting?.least;
  if (!track.hidden) track.firstChild.style.width = `${(waiting.payments / waiting.least) * 100}%`;
}

function reasonFor(waiting) {
  if (!waiting) return 'Unknown: no scorer answers. Scorers compare payments with the history.';
  if (!waiting.least) return 'Not measured: the model has no history to compare with. Train it again.';
  return `${integer(waiting.payments)} of ${count(waiting.least, 'payment')} that a comparison with the history needs.`;
}

function row(field) {
  const limit = el('i', { class: 'limit' });
  limit.style.left = `${LIMIT_AT}%`;
  return el('li', { class: 'bar-row', 'data-testid': 'drift-row', 'data-field': field.field },
    el('span', { class: 'bar-name', title: plain(field.field) }, plain(words(field.field))), el('span', { class: 'bar-value' }),
    el('span', { class: 'track' }, el('i'), limit));
}

function update(node, field) {
  const [, value, track] = node.children;
  node.classList.toggle('alert', field.drifting);
  setAttribute(node, 'data-drifting', field.drifting);
  setText(value, `${field.psi.toFixed(3)} of ${field.limit.toFixed(3)} ${field.drifting ? '▲ drifting' : '✓ steady'}`);
  track.firstChild.style.width = `${Math.min(100, (field.psi / field.limit) * LIMIT_AT)}%`;
}
