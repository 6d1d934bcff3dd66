// Table of the latest items, whose rows don't move while a user reads them.

import { el, keyed, setText } from './dom.js';
import { count, integer } from './format.js';

const PAGE = 50;

/** Creates a table cell; `kind` is its class. */
export function cell(kind, ...children) {
  return el('td', { role: 'cell', class: kind }, ...children);
}

/**
 * Shows items as table rows, newest first. New ones are held back while the pointer is over the rows, the focus is inside, the
 * list is scrolled down, `isHeld()`, or the table is paused.
 */
export class LiveTable {
  #shown = [];
  #latest = [];
  #matching = [];
  #leftOut = 0;
  #limit = PAGE;
  #painted = null;
  #version = 0;
  #pointed = false;
  #scrolled = false; // cached: querying the element makes the browser lay out the whole page

  constructor(panel, { key, row, update, none, isHeld, filter }) {
    Object.assign(this, { key, row, update, none, isHeld, filter });
    this.parts = Object.fromEntries([...panel.querySelectorAll('[data-part]')].map((node) => [node.dataset.part, node]));
    const { scroll, pause, fresh, more } = this.parts;
    scroll.addEventListener('pointerenter', (event) => { this.#pointed = event.pointerType === 'mouse'; });
    scroll.addEventListener('pointerleave', () => { this.#pointed = false; });
    scroll.addEventListener('scroll', () => { this.#scrolled = scroll.scrollTop > 4; }, { passive: true });
    pause.addEventListener('click', () => this.#togglePause());
    fresh.addEventListener('click', () => this.#showLatest());
    more.addEventListener('click', () => {
      this.#limit += PAGE;
      this.#paint();
    });
    filter?.input.addEventListener('input', () => {
      this.#limit = PAGE;
      this.#paint();
    });
  }

  /**
   * Shows the latest items, or how many are held back. `leftOut` is the number of items that the server omitted. A new `version` means
   * that items themselves have changed: `update` is called for those shown.
   */
  render(items, leftOut = 0, version = 0) {
    this.#latest = items;
    this.#version = version;
    this.#leftOut = leftOut;
    if (!this.#holdsRows()) this.#shown = items;
    this.#paint();
  }

  #holdsRows() {
    const { scroll, pause } = this.parts;
    // No rows yet: show the first ones immediately.
    if (!this.#shown.length) return false;
    return 'paused' in pause.dataset || this.#pointed || this.#scrolled || scroll.contains(document.activeElement) || this.isHeld();
  }

  #togglePause() {
    const { pause } = this.parts;
    const paused = pause.toggleAttribute('data-paused');
    setText(pause, paused ? 'Resume' : 'Pause');
    if (!paused) this.#showLatest();
  }

  #showLatest() {
    this.parts.scroll.scrollTop = 0;
    this.#scrolled = false;
    this.#shown = this.#latest;
    this.#paint();
  }

  #paint() {
    const query = this.filter?.input.value.trim().toLowerCase() ?? '';
    const state = [this.#shown, query, this.#limit, this.#version];
    if (!this.#painted?.every((part, i) => part === state[i])) {
      this.#painted = state;
      this.#matching = query ? this.#shown.filter((item) => this.filter.text(item).includes(query)) : this.#shown;
      this.#rows(query);
    }
    this.#announce(query);
  }

  #rows(query) {
    const { body, more, none } = this.parts;
    const matching = this.#matching.length;
    keyed(body, this.#matching.slice(0, this.#limit), this.key, this.row, this.update);
    more.hidden = matching <= this.#limit;
    setText(more, `Show ${Math.min(PAGE, matching - this.#limit)} more of ${integer(matching)}`);
    none.hidden = matching > 0;
    setText(none, query && this.#shown.length
      ? `None of the ${integer(this.#shown.length)} listed match. The search by id above covers more payments.`
      : this.none);
  }

  #announce(query) {
    const { fresh, note } = this.parts;
    const listed = this.#shown.length ? `latest ${integer(this.#shown.length)}` : '';
    const leftOut = this.#leftOut ? `, ${integer(this.#leftOut)} more omitted` : '';
    setText(note, query ? `${integer(this.#matching.length)} of ${listed}` : listed + leftOut);
    const first = this.#shown[0];
    const at = first ? this.#latest.findIndex((item) => this.key(item) === this.key(first)) : 0;
    const waiting = this.#shown === this.#latest ? 0 : at < 0 ? this.#latest.length : at;
    fresh.classList.toggle('waiting', waiting > 0);
    fresh.disabled = waiting === 0;
    if (waiting) {
      setText(fresh, `↑ ${integer(waiting)}${at < 0 ? '+' : ''} new`);
      fresh.title = `Show ${count(waiting, 'new row')}`;
    }
  }
}
