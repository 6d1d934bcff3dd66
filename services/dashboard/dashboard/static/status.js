// The page's state as text: the banner, the notes below it, the pill in the header, and the tab's title.

import { el, setAttribute, setText } from './dom.js';
import { clock, integer, pace, percent } from './format.js';
import { plain } from './untrusted.js';

const SLOW_START_MS = 1_500;
const PILLS = { connecting: 'Connecting', catching_up: 'Catching up', reading: 'Live', away: 'Kafka unavailable', offline: 'Offline', refused: 'Refused', empty: 'Waiting' };

/** Returns the server's state, or that of the connection to it. */
function stateOf(store, connection) {
  if (connection !== 'open') return connection;
  if (!store.loaded) return 'connecting';
  if (store.kafka.state !== 'reading') return store.kafka.state;
  const isEmpty = ['approve', 'review', 'block', 'dead'].every((name) => store.sum(name) === 0);
  return isEmpty ? 'empty' : 'reading';
}

const MESSAGES = {
  connecting: (store) => (store.loaded
    ? ['Connecting to Kafka', `at ${store.kafka.servers}, since ${clock(store.kafka.since)}.`, 'docker compose ps kafka']
    : ['Connecting', 'to the dashboard’s server.']),
  catching_up: () => ['Catching up', 'with the payments of the last 15 minutes: the numbers grow until this is complete.'],
  away: (store) => [`Kafka unavailable since ${clock(store.kafka.since)}`,
    `(${store.kafka.servers}). Nothing is lost: payments wait in Kafka, and the scorers resume by themselves.`,
    'docker compose ps kafka', 'docker compose up -d kafka'],
  offline: (store) => ['The dashboard’s server does not answer; reconnecting.',
    store.loaded ? `The data is from ${clock(store.now)}.` : '', 'docker compose up -d dashboard'],
  refused: (store, refusal) => ['The dashboard’s server refuses this page:',
    `${refusal} It asks again every 10 s.${store.loaded ? ` The data is from ${clock(store.now)}.` : ''}`],
  empty: (store) => [store.flagged.length ? 'No payments in the last 15 minutes.' : 'No payments yet.',
    'By default the producer sends one every 3 s to the topic test-payments; other programs can send there, too. If none arrive:', 'docker compose logs producer'],
};

/** Shows the state in all these places. Live regions change only with the state, so screen readers announce only changes. */
export class Status {
  #started = Date.now();
  #shown = '';

  constructor(nodes) {
    Object.assign(this, nodes);
    setTimeout(() => this.onSlowStart?.(), SLOW_START_MS);
  }

  /** Shows the state of store and connection. */
  render(store, { connection, refusal }, summary) {
    const state = stateOf(store, connection);
    const isStarting = !store.loaded && state === 'connecting' && Date.now() - this.#started < SLOW_START_MS;
    setAttribute(this.pill, 'data-state', state);
    setText(this.pillText, PILLS[state]);
    setText(this.clock, store.loaded ? clock(store.now) : '');
    setAttribute(this.banner, 'data-state', state);
    const message = MESSAGES[state]?.(store, refusal);
    this.banner.hidden = !message || isStarting;
    if (message && !isStarting) this.#showBanner(message);
    else this.#shown = '';
    document.body.dataset.state = state;
    document.title = title(state, summary);
    if (store.loaded) this.#notes(store);
  }

  #showBanner(message) {
    const text = message.join('\n');
    if (text === this.#shown) return;
    this.#shown = text;
    fill(this.banner, message);
  }

  #notes(store) {
    note(this.noScorer, store.scorers.length > 0 && !store.hasScorer,
      ['No scorer answers:', 'payments wait in Kafka and nothing is lost. The lag is that of their group in Kafka, the models are those of the latest records.', 'docker compose up -d scorer']);
    note(this.otherLayouts, store.otherLayouts.length > 0, differing(store));
    note(this.modelRefused, store.modelRefused,
      ['A model was refused:', 'the active one on disk is damaged or not trusted, so a previous one scores.', './fraudstream model list']);
    this.samplingNote.hidden = !store.sampling;
    if (store.sampling) {
      setText(this.samplingNote, `A sample: ${integer(store.sampling.read)} of ${integer(store.sampling.of)} payments of the last 10 s `
        + 'were read; rates are for all payments, shares for the sample.');
    }
  }
}

function differing({ otherLayouts, schema }) {
  const others = otherLayouts.map(({ name, layout }) => `${plain(name)} has ${plain(layout)}`).join(', ');
  return ['Services hold different payment schemas:',
    `this page has layout ${schema.layout}, ${others}. Each reads payment.toml at its start, so restart all of them with the same file.`,
    'docker compose restart'];
}

const shownNotes = new WeakMap();

function note(node, shown, message) {
  node.hidden = !shown;
  const text = shown ? message.join('\n') : '';
  if (!shown || shownNotes.get(node) === text) return;
  shownNotes.set(node, text);
  fill(node, message);
}

function fill(node, [strong, text, ...commands]) {
  node.replaceChildren(el('p', {}, el('strong', {}, strong), ` ${text}`), ...commands.map((command) => el('code', {}, command)));
}

function title(state, summary) {
  if (state !== 'reading' || !summary) return `${['away', 'offline', 'refused'].includes(state) ? '⚠ ' : ''}${PILLS[state]} · fraudstream`;
  return `${pace(summary.rate).join('')} · ${percent(summary.flaggedShare)} flagged · fraudstream`;
}
