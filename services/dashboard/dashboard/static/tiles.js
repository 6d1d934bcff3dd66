// Tiles with the key metrics, each with its course over the window.

import { el, setAttribute, setText } from './dom.js';
import { duration, integer, NONE, pace, percent } from './format.js';
import { Sparkline } from './sparkline.js';

const span = (name) => (store, from, to) => {
  const known = store.series[name].slice(from, to).filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
};
const total = (store, from, to) => ['approve', 'review', 'block'].reduce((sum, name) => sum + (span(name)(store, from, to) ?? 0), 0);
const flaggedShare = (store, from, to) => {
  const all = total(store, from, to);
  return all ? 1 - (span('approve')(store, from, to) ?? 0) / all : null;
};
const time = (ms) => duration(ms).join(' ').trim();


/** Returns what the lag was, or how it is known without a scorer. */
function lagNote(summary, store) {
  if (summary.lag !== null && !store.hasScorer) return 'by committed offsets';
  if (summary.worstLag === null) return summary.lag === null ? 'unknown' : '';
  return summary.worstLag ? `at most ${integer(summary.worstLag)} in 15 min` : 'none in 15 min';
}

// Each tile: its formatted value (number and unit), the raw number, the text below, and the course over the window.
const TILES = [
  { id: 'rate', title: 'Payments', show: (s) => pace(s.rate), raw: (s) => s.rate,
    below: (s) => (s.known ? `${integer(s.payments)} in 15 min` : ''), course: total },
  { id: 'flagged-share', title: 'Flagged share', show: (s) => [percent(s.flaggedShare), ''], raw: (s) => s.flaggedShare,
    below: (s) => (s.payments ? `blocked ${percent(s.blockedShare)}` : ''), course: flaggedShare },
  { id: 'p50', title: 'Latency p50', show: (s) => duration(s.p50), raw: (s) => s.p50,
    below: (s) => `median ${time(s.medianP50)}`, course: span('p50') },
  { id: 'p99', title: 'Latency p99', show: (s) => duration(s.p99), raw: (s) => s.p99,
    below: (s) => `worst second ${time(s.worstP99)}`, course: span('p99') },
  { id: 'lag', title: 'Lag', show: (s) => (s.lag === null ? [NONE, ''] : [integer(s.lag), s.lag === 1 ? 'record' : 'records']),
    raw: (s) => s.lag, below: lagNote, course: span('lag') },
  { id: 'dead', title: 'Dead letters', show: (s) => [s.known ? integer(s.dead) : NONE, ''], raw: (s) => (s.known ? s.dead : null),
    below: (s) => (s.dead ? `${percent(s.deadRate)} of all in 15 min` : s.known ? 'none in 15 min' : ''), course: span('dead') },
];

/** Row of tiles. */
export class Tiles {
  constructor(host) {
    this.tiles = TILES.map((tile) => {
      const value = el('span', { class: 'tile-value', 'data-testid': `kpi-${tile.id}` }, NONE);
      const unit = el('span', { class: 'tile-unit' });
      const below = el('p', { class: 'tile-below' }, '\u00a0');
      const spark = new Sparkline();
      host.append(el('article', { class: `tile ${tile.id}` },
        el('h2', {}, tile.title), el('p', { class: 'tile-number' }, value, unit), below, spark.node));
      return { ...tile, value, unit, below, spark, text: tile.below };
    });
  }

  /** Shows the summary's values. */
  render(store, summary) {
    for (const tile of this.tiles) {
      const [number, unit] = tile.show(summary);
      setText(tile.value, number);
      setText(tile.unit, unit);
      setAttribute(tile.value, 'data-value', tile.raw(summary) ?? '');
      setText(tile.below, tile.text(summary, store));
      tile.spark.render(store, (from, to) => tile.course(store, from, to));
    }
  }
}
