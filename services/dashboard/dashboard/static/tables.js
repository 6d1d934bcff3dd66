// A list of the latest that holds still while somebody reads it.

import { el, keyed, setText } from './dom.js';
import { count, integer } from './format.js';

const PAGE = 50;

/** Makes a cell of a row; `kind` is its class. */
export function cell(kind, ...children) {
  return el('td', { role: 'cell', class: kind }, ...children);
}

/**
 * Shows items as table rows, newest first. New ones wait while the pointer is over the rows, the focus is inside, the list is
 * scrolled down, `held()` says so, or the reader paused it.
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
  #scrolled = false; // kept here, since asking the element makes the browser lay out the whole page

  constructor(panel, { key, row, update, none, held, filter }) {
    Object.assign(this, { key, row, update, none, held, filter });
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
   * Takes the latest items: shows them, or tells how many wait. `leftOut` more came than the server lists. Another `version`: items
   * themselves have changed, and `update` is called for those shown.
   */
  render(items, leftOut = 0, version = 0) {
    this.#latest = items;
    this.#version = version;
    this.#leftOut = leftOut;
    if (!this.#holds()) this.#shown = items;
    this.#paint();
  }

  #holds() {
    const { scroll, pause } = this.parts;
    // Nothing to disturb yet: the first rows may come at once.
    if (!this.#shown.length) return false;
    return 'paused' in pause.dataset || this.#pointed || this.#scrolled || scroll.contains(document.activeElement) || this.held();
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
      ? `None of the ${integer(this.#shown.length)} listed matches. The search above goes further back, by the whole id.`
      : this.none);
  }

  #announce(query) {
    const { fresh, note } = this.parts;
    const listed = this.#shown.length ? `latest ${integer(this.#shown.length)}` : '';
    const leftOut = this.#leftOut ? `, ${integer(this.#leftOut)} more left out just now` : '';
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
