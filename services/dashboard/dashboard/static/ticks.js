// Ticks on a bar of the probability, where the decision changes.

import { el } from './dom.js';
import { probability } from './format.js';

/** Creates the ticks of the limits `{ review, block }`; null: the decision is never taken. */
export function ticks(limits) {
  return known(limits).map(([decision, at]) => {
    const mark = el('i', { class: `tick ${decision}`, 'data-at': at });
    mark.style.left = `${at * 100}%`;
    return mark;
  });
}

/** Creates the limits as text, each with the colour of its tick; empty without limits. */
export function limitTexts(limits) {
  const texts = known(limits).map(([decision, at]) => (
    el('span', { class: decision }, el('i', { 'aria-hidden': 'true' }, '▎'), `${decision} from ${probability(at)}`)));
  return texts.length ? el('span', { class: 'limits', 'data-testid': 'limits' }, ...texts) : '';
}

function known({ review = null, block = null }) {
  return [['review', review], ['block', block]].filter(([, at]) => at !== null);
}
