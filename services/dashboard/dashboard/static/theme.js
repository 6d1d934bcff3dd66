// Theme: light, dark, or the system's. Loaded before the first paint.

const KEY = 'fraudstream-theme';
const THEMES = ['system', 'light', 'dark'];
const ICONS = { system: '◐', light: '☀', dark: '☾' };

function storedTheme() {
  try {
    const theme = localStorage.getItem(KEY);
    return THEMES.includes(theme) ? theme : 'system';
  } catch {
    return 'system'; // storage is disabled: the page works, but does not remember the theme
  }
}

function storeTheme(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // storage is disabled
  }
}

function apply(theme) {
  document.documentElement.dataset.theme = theme;
}

/** Lets a button cycle through the themes. */
export function bindThemeToggle(button) {
  const [icon, word] = button.children;
  const show = (theme) => {
    icon.textContent = ICONS[theme];
    word.textContent = theme;
    button.setAttribute('aria-label', `Theme: ${theme}. Change it`);
    button.title = `Theme: ${theme}`;
  };
  show(storedTheme());
  button.addEventListener('click', () => {
    const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    storeTheme(theme);
    apply(theme);
    show(theme);
  });
}

apply(storedTheme());
