// Distribution of the window's payments over the fraud probability. Logarithmic, as nearly all are near 0.

import { Cursor } from './cursor.js';
import { keyed, setAttribute, setText, svg } from './dom.js';
import { count, integer, percent, short } from './format.js';
import { emptyReason } from './payments.js';

const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;
const EDGES = [0, 0.25, 0.5, 0.75, 1];

/** Histogram of 20 equal bins. */
export class ScoresChart {
  #counts = [];

  constructor(host) {
    this.host = host;
    this.grid = svg('g', { class: 'grid-lines' });
    this.bars = svg('path', { class: 'mark score' });
    this.axis = svg('g', { class: 'axis' });
    this.picture = svg('svg', { class: 'picture', role: 'img', tabindex: '0', 'aria-label': 'No data yet' });
    this.cursor = new Cursor(host, this.picture, {
      slots: () => this.#counts.length,
      slotAt: (x) => Math.floor((x - LEFT) / this.#binWidth()),
      xOf: (slot) => LEFT + (slot + 0.5) * this.#binWidth(),
      lines: (slot) => this.#lines(slot),
    });
    this.note = svg('text', { class: 'chart-note' });
    this.picture.append(this.grid, this.axis, this.cursor.line, this.bars, this.note);
    host.prepend(this.picture);
    this.size = { width: host.clientWidth, height: host.clientHeight };
    new ResizeObserver(([entry]) => this.#resize(entry.contentRect)).observe(host);
  }

  /** Draws the store's counts. */
  render(store) {
    this.store = store;
    const { scores } = store;
    this.#counts = scores;
    if (!scores.length) return;
    const height = this.size.height - TOP - BOTTOM;
    const bottom = TOP + height;
    const decades = Math.max(1, Math.ceil(Math.log10(Math.max(...scores, 1) + 1)));
    // A single payment must be visible, so the axis starts below 1.
    const rise = (number) => (number ? ((Math.log10(number) + 0.3) / (decades + 0.3)) * height : 0);
    const width = this.#binWidth();
    setAttribute(this.picture, 'viewBox', `0 0 ${this.size.width} ${this.size.height}`);
    setAttribute(this.bars, 'd', scores.map((number, bin) => (number
      ? `M${(LEFT + bin * width + 1).toFixed(1)} ${bottom}v${(-rise(number)).toFixed(1)}h${(width - 2).toFixed(1)}V${bottom}z` : '')).join(''));
    const every = decades > 4 ? 2 : 1;
    const ticks = Array.from({ length: Math.floor(decades / every) + 1 }, (_, i) => 10 ** (i * every));
    keyed(this.grid, ticks, (tick) => tick, () => svg('g', {}, svg('line', { x1: LEFT }), svg('text', { x: LEFT - 8, dy: '0.32em' })),
      (group, tick) => {
        setAttribute(group, 'transform', `translate(0 ${(bottom - rise(tick)).toFixed(1)})`);
        setAttribute(group.firstChild, 'x2', this.size.width - RIGHT);
        setText(group.lastChild, short(tick));
      });
    keyed(this.axis, EDGES, (edge) => edge, (edge) => svg('text', {}, String(edge)), (label, edge) => {
      setAttribute(label, 'x', LEFT + edge * width * scores.length);
      setAttribute(label, 'y', bottom + 16);
    });
    setAttribute(this.cursor.line, 'y1', TOP);
    setAttribute(this.cursor.line, 'y2', bottom);
    setText(this.note, scores.some(Boolean) ? '' : emptyReason(store));
    setAttribute(this.note, 'x', (LEFT + this.size.width - RIGHT) / 2);
    setAttribute(this.note, 'y', TOP + height / 2);
    this.#describe(scores);
    this.cursor.refresh();
  }

  #resize({ width, height }) {
    this.size = { width, height };
    if (this.store) this.render(this.store);
  }

  #binWidth() {
    return Math.max(40, this.size.width - LEFT - RIGHT) / (this.#counts.length || 1);
  }

  #describe(scores) {
    const half = scores.length / 2;
    const high = scores.slice(half).reduce((sum, number) => sum + number, 0);
    const all = scores.reduce((sum, number) => sum + number, 0);
    setAttribute(this.picture, 'aria-label', `Fraud probability: ${count(high, 'payment')} of ${integer(all)} at 0.5 or more`);
    setAttribute(this.host, 'data-counts', scores.join(','));
  }

  #lines(slot) {
    const all = this.#counts.reduce((sum, number) => sum + number, 0);
    const number = this.#counts[slot];
    const edge = (bin) => (bin / this.#counts.length).toFixed(2);
    return [`${edge(slot)} – ${edge(slot + 1)}`, ['score', 'payments', integer(number)], ['all', 'share', all ? percent(number / all) : '–']];
  }
}
