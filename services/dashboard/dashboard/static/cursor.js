// The selected position in a chart, by pointer or arrow keys, and a tooltip with its exact values.

import { el, svg } from './dom.js';

/**
 * Follows pointer and keys over a chart of slots (seconds, buckets, bins).
 * `slots` returns their number, `slotAt` the slot at an x, `xOf` a slot's middle, `lines` the lines of its tooltip.
 */
export class Cursor {
  #fromEnd = null; // counted from the right, so that it keeps its position on the screen while time passes

  constructor(host, picture, { slots, slotAt, xOf, lines }) {
    Object.assign(this, { host, picture, slots, slotAt, xOf, lines });
    this.line = svg('line', { class: 'cursor', visibility: 'hidden' });
    this.tip = el('div', { class: 'tip', hidden: '' });
    host.append(this.tip);
    host.addEventListener('pointermove', (event) => this.#point(event));
    host.addEventListener('pointerdown', (event) => this.#point(event));
    host.addEventListener('pointerleave', () => this.#leave());
    picture.addEventListener('blur', () => this.#leave());
    picture.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Updates cursor and tooltip after the chart was redrawn. */
  refresh() {
    const slots = this.slots();
    const hidden = this.#fromEnd === null || this.#fromEnd >= slots;
    this.tip.hidden = hidden;
    this.line.setAttribute('visibility', hidden ? 'hidden' : 'visible');
    if (hidden) return;
    const slot = slots - 1 - this.#fromEnd;
    const x = this.xOf(slot);
    this.line.setAttribute('x1', x);
    this.line.setAttribute('x2', x);
    const [title, ...rows] = this.lines(slot);
    this.tip.replaceChildren(
      el('strong', {}, title),
      ...rows.map(([kind, name, value]) => el('span', { class: `tip-row ${kind}` }, el('i'), el('span', {}, name), el('b', {}, value))),
    );
    const room = this.host.clientWidth - this.tip.offsetWidth;
    const left = x + 14 + this.tip.offsetWidth > this.host.clientWidth ? x - 14 - this.tip.offsetWidth : x + 14;
    this.tip.style.transform = `translateX(${Math.max(0, Math.min(room, left))}px)`;
  }

  #point(event) {
    const slots = this.slots();
    if (!slots) return;
    this.tip.removeAttribute('aria-live');
    const slot = this.slotAt(event.clientX - this.host.getBoundingClientRect().left);
    this.#fromEnd = slots - 1 - Math.max(0, Math.min(slots - 1, slot));
    this.refresh();
  }

  #key(event) {
    const steps = { ArrowLeft: 1, ArrowRight: -1, PageUp: 10, PageDown: -10, Home: Infinity, End: -Infinity };
    if (event.key === 'Escape') this.#leave();
    if (!(event.key in steps)) return;
    event.preventDefault();
    // Screen readers announce only the slots that the user steps to, not the change of each second.
    this.tip.setAttribute('aria-live', 'polite');
    this.#fromEnd = Math.max(0, Math.min(this.slots() - 1, (this.#fromEnd ?? -1) + steps[event.key]));
    this.refresh();
  }

  #leave() {
    this.#fromEnd = null;
    this.refresh();
  }
}
