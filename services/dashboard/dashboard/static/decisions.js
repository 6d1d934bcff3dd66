// The three decisions, each with the same word, icon and colour everywhere.

import { el } from './dom.js';
import { plain } from './untrusted.js';

/** Icon by decision, the most serious first. */
export const DECISIONS = { block: '■', review: '▲', approve: '●' };

/** Creates the badge of a decision: text, icon and colour. */
export function decisionBadge(decision) {
  return el('span', { class: `badge ${decision}` }, el('i', { 'aria-hidden': 'true' }, DECISIONS[decision] ?? ''), plain(decision));
}
