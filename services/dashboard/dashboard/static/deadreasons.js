// The window's dead letters by reason.

import { el, keyed, setAttribute, setText } from './dom.js';
import { count, integer } from './format.js';
import { plain } from './untrusted.js';

const SHOWN = 7;

/** Horizontal bars, the longest first. */
export class DeadReasons {
  constructor(host, aside) {
    this.host = host;
    this.aside = aside;
  }

  /** Shows the counts by reason. */
  render({ deadReasons, historySince }) {
    const reasons = Object.entries(deadReasons).sort((a, b) => b[1] - a[1]);
    const all = reasons.reduce((sum, [, number]) => sum + number, 0);
    const most = reasons[0]?.[1] ?? 1;
    const rows = reasons.length ? reasons.slice(0, SHOWN) : [[null, 0]];
    const none = historySince === null ? 'Nothing read yet.' : 'None in the last 15 minutes: every message could be scored.';
    // A reason may be any text, even empty: prefix its key, so that it differs from the key of the empty state.
    const keyOf = ([reason]) => (reason === null ? 'none' : `reason ${reason}`);
    const create = ([reason]) => (reason === null ? el('p', { class: 'calm' }) : row(reason));
    keyed(this.host, rows, keyOf, create, (node, [reason, number]) => {
      if (reason === null) {
        setText(node, none);
        return;
      }
      const [, track, value] = node.children;
      setText(value, integer(number));
      setAttribute(node, 'data-count', number);
      track.firstChild.style.width = `${(number / most) * 100}%`;
    });
    const hidden = reasons.slice(SHOWN).reduce((sum, [, number]) => sum + number, 0);
    setText(this.aside, hidden ? `15 min; ${integer(hidden)} of ${count(reasons.length - SHOWN, 'other reason')}` : '15 min');
    setAttribute(this.host, 'aria-label', all
      ? `${count(all, 'dead letter')}: ${rows.map(([reason, number]) => `${plain(reason)} ${integer(number)}`).join(', ')}` : none);
  }
}

function row(reason) {
  const name = plain(reason) || '(no reason)';
  return el('div', { class: 'bar-row', 'data-reason': reason },
    el('span', { class: 'bar-name', title: name }, name), el('span', { class: 'track' }, el('i')), el('span', { class: 'bar-value' }));
}
