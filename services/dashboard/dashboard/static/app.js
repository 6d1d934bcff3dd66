// Wiring: the server's events update the store, and the panels render its state.

import { TimeChart } from './chart.js';
import { deadLettersTable } from './deadletters.js';
import { DeadReasons } from './deadreasons.js';
import { Detail } from './detail.js';
import { Drift } from './drift.js';
import { flaggedTable, showAmountColumn } from './flagged.js';
import { LatencyLegend, LatencyPlot } from './latency.js';
import { Models } from './models.js';
import { PaymentsLegend, PaymentsPlot } from './payments.js';
import { Replicas } from './replicas.js';
import { ScoresChart } from './scores.js';
import { Search } from './search.js';
import { Status } from './status.js';
import { Store } from './store.js';
import { Stream } from './stream.js';
import { summarize } from './summary.js';
import { bindThemeToggle } from './theme.js';
import { Tiles } from './tiles.js';

const at = (id) => document.getElementById(id);

const store = new Store();
let connection = 'open';
let refusal = '';
let scheduled = false;

const detail = new Detail(at('detail'));
const search = new Search({ form: at('search-form'), input: at('search'), answer: at('search-answer'), detail, store });
const status = new Status({
  pill: at('pill'), pillText: at('pill-text'), clock: at('clock'), banner: at('banner'),
  noScorer: at('no-scorer'), modelRefused: at('model-refused'), otherLayouts: at('other-layouts'), samplingNote: at('sampling-note'),
});
const tiles = new Tiles(at('tiles'));
const panels = [
  new TimeChart(at('chart-payments'), new PaymentsPlot(),
    new PaymentsLegend(at('payments-legend'), at('chart-payments'), at('payments-unit'))),
  new TimeChart(at('chart-latency'), new LatencyPlot(), new LatencyLegend(at('latency-legend'))),
  new ScoresChart(at('chart-scores')),
  new DeadReasons(at('chart-dead'), at('dead-aside')),
  new Drift(at('drift'), at('drift-aside')),
  new Models(at('models'), at('agreement')),
  new Replicas(at('replicas'), at('replicas-aside')),
];
const isHeld = () => detail.open;
const flagged = flaggedTable(at('flagged'), at('flagged-filter'), {
  open: (payment) => detail.payment(payment, store), isHeld, store,
});
const deadLetters = deadLettersTable(at('dead-letters'), { open: (letter) => detail.deadLetter(letter, store), isHeld });

function render() {
  scheduled = false;
  const summary = store.loaded ? summarize(store) : null;
  status.render(store, { connection, refusal }, summary);
  if (!store.loaded) return;
  document.body.removeAttribute('data-loading');
  tiles.render(store, summary);
  for (const panel of panels) panel.render(store);
  showAmountColumn(at('flagged-amount'), store.schema);
  search.render(store.schema);
  flagged.render(store.flagged, store.leftOut, store.rulesVersion);
  deadLetters.render(store.deadLetters, 0, store.replays);
}

/** Schedules a rendering, at most one per frame; a hidden tab has no frames, so it renders nothing until it is shown. */
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(render);
}

status.onSlowStart = schedule;
bindThemeToggle(at('theme-toggle'));
new Stream({
  onSnapshot: (message) => {
    store.snapshot(message);
    connection = 'open';
    schedule();
  },
  onTick: (message) => {
    store.tick(message);
    schedule();
  },
  onRefused: ({ reason }) => {
    connection = 'refused';
    refusal = reason;
    schedule();
  },
  onOffline: () => {
    connection = 'offline';
    schedule();
  },
});
schedule();
search.follow();
