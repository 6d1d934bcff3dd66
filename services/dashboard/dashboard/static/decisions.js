// The three decisions: a word, an icon and a colour each, the same everywhere.

import { el } from './dom.js';
import { plain } from './untrusted.js';

/** The icon of each decision, the most serious first. */
export const DECISIONS = { block: '■', review: '▲', approve: '●' };

/** A decision in words, icon and colour. */
export function decisionBadge(decision) {
  return el('span', { class: `badge ${decision}` }, el('i', { 'aria-hidden': 'true' }, DECISIONS[decision] ?? ''), plain(decision));
}
