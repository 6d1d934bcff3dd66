// Light, dark, or as the system has it. Loaded before the first paint.

const KEY = 'fraudstream-theme';
const THEMES = ['system', 'light', 'dark'];
const ICONS = { system: '◐', light: '☀', dark: '☾' };

function remembered() {
  try {
    const theme = localStorage.getItem(KEY);
    return THEMES.includes(theme) ? theme : 'system';
  } catch {
    return 'system'; // storage is forbidden: the page works, it only forgets
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // as above
  }
}

function apply(theme) {
  document.documentElement.dataset.theme = theme;
}

/** Makes a button step through the themes. */
export function bindThemeToggle(button) {
  const [icon, word] = button.children;
  const show = (theme) => {
    icon.textContent = ICONS[theme];
    word.textContent = theme;
    button.setAttribute('aria-label', `Theme: ${theme}. Change it`);
    button.title = `Theme: ${theme}`;
  };
  show(remembered());
  button.addEventListener('click', () => {
    const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    remember(theme);
    apply(theme);
    show(theme);
  });
}

apply(remembered());
