/** The page's keys: N for the next person, Escape to leave. Never while somebody writes, or is asked something. */

/** @param {{ next: () => void, leave: () => void }} actions */
export function listenForKeys({ next, leave }) {
  document.addEventListener('keydown', (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    if (event.key === 'n' || event.key === 'N') next();
    else if (event.key === 'Escape') leave();
  });
}

/** @param {EventTarget | null} target */
function isWriting(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));
}
