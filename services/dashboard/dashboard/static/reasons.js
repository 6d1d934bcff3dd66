// Reasons of a decision, each with its strength: the factor by which it multiplies the odds of fraud.

import { el } from './dom.js';
import { factor, words } from './format.js';
import { plain } from './untrusted.js';

const LEAST_SHARE = 0.1;

/** Returns the reasons whose contribution to the log-odds is at least a tenth of the strongest one. */
export function strong(reasons) {
  const most = Math.max(...reasons.map(size));
  return reasons.filter((reason) => size(reason) >= LEAST_SHARE * most);
}

/** Formats the strength of a reason: "×4.4". */
export const strength = (reason) => factor(Math.exp(reason.contribution));

/** Creates the list of a payment's reasons with a bar each, which shows the contribution to the log-odds. */
export function reasonList({ reasons, decision }) {
  if (!reasons.length) {
    return el('p', { class: 'calm' }, decision === 'approve' ? 'No reasons: approved payments have none.'
      : 'No reasons: the model gives none, or the record was published again after a model change.');
  }
  const listed = strong(reasons);
  const most = Math.max(...listed.map(size));
  return el('ul', { class: 'contributions' }, ...listed.map((reason) => {
    const bar = el('i', { class: reason.contribution < 0 ? 'down' : 'up' });
    bar.style.width = `${most ? (size(reason) / most) * 100 : 0}%`;
    const text = plain(reason.text);
    return el('li', { title: `${text}\n${plain(words(reason.field))}: ${reason.contribution.toFixed(2)} in log-odds` },
      el('span', {}, text), el('b', {}, strength(reason)), el('span', { class: 'track' }, bar));
  }), el('li', { class: 'key' }, 'Factor by which each multiplies the odds of fraud. Those below a tenth of the strongest are left out.'));
}

function size(reason) {
  return Math.abs(reason.contribution);
}
