// The numbers of the tiles, from the window.

const RATE_SECONDS = 5;
const MINUTE = 60;
const FRESH_SECONDS = 10;

/** Computes the window's totals and present values. */
export function summarize(store) {
  const totals = { approve: store.sum('approve'), review: store.sum('review'), block: store.sum('block'), dead: store.sum('dead') };
  const known = store.historySince !== null;
  const payments = totals.approve + totals.review + totals.block;
  const share = (number) => (payments ? number / payments : null);
  return {
    // Nothing read yet is not the same as none.
    known,
    payments,
    dead: totals.dead,
    rate: known ? rate(store) : null,
    fraudRate: share(totals.review + totals.block),
    blockRate: share(totals.block),
    deadRate: totals.dead + payments ? totals.dead / (totals.dead + payments) : null,
    p50: store.latest('p50', MINUTE),
    p99: store.latest('p99', MINUTE),
    lag: store.latest('lag', FRESH_SECONDS),
    medianP50: median(store.series.p50),
    worstP99: largest(store.series.p99),
    worstLag: largest(store.series.lag),
  };
}

function rate(store) {
  const mean = (seconds) => (store.sum('approve', seconds) + store.sum('review', seconds) + store.sum('block', seconds)) / seconds;
  // Five seconds hold one payment or two at one in three seconds: a minute is steadier, once it is whole.
  const known = store.now - store.historySince + 1;
  const minute = mean(Math.max(RATE_SECONDS, Math.min(MINUTE, known)));
  return minute < 1 ? minute : mean(RATE_SECONDS);
}

function largest(values) {
  return values.reduce((most, value) => (value !== null && (most === null || value > most) ? value : most), null);
}

/** The middle of the values that are known; null if none is. */
export function median(values) {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  return known.length ? known[known.length >> 1] : null;
}
