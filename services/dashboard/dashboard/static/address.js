// URLs of the server, below any path at which a reverse proxy serves the page.

/** Returns the URL of `path` on the server, relative to this file, so that it does not depend on the page's own URL. */
export function address(path) {
  return new URL(`../../${path}`, import.meta.url).href;
}
