/** The page's elements, and the only code that changes them. When and to what is `main.js`'s. */

/** @import { Words } from './words.js' */

/** @typedef {'idle' | 'asking' | 'waiting' | 'connecting' | 'in-call' | 'reconnecting' | 'closed' | 'error'} PageState */

/**
 * @template {typeof HTMLElement} T
 * @param {string} id
 * @param {T} kind
 * @returns {InstanceType<T>}
 */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} #${id}`);
  return /** @type {InstanceType<T>} */ (found);
}

export const page = {
  lobby: element('lobby', HTMLFormElement),
  start: element('start', HTMLButtonElement),
  watch: element('watch', HTMLButtonElement),
  controls: element('controls', HTMLElement),
  mic: element('mic', HTMLButtonElement),
  camera: element('camera', HTMLButtonElement),
  report: element('report', HTMLButtonElement),
  block: element('block', HTMLButtonElement),
  reportDialog: element('report-dialog', HTMLDialogElement),
  interest: element('interest', HTMLInputElement),
  chips: element('chips', HTMLElement),
  interestsHint: element('interests-hint', HTMLElement),
  notice: element('notice-text', HTMLElement),
  undo: element('undo', HTMLButtonElement),
  blocked: element('blocked', HTMLElement),
  blockedCount: element('blocked-count', HTMLElement),
  unblock: element('unblock', HTMLButtonElement),
  leave: element('leave', HTMLButtonElement),
  next: element('next', HTMLButtonElement),
  remote: element('remote', HTMLVideoElement),
  local: element('local', HTMLVideoElement),
  preview: element('preview', HTMLElement),
  cameraOff: element('camera-off', HTMLElement),
  status: element('status', HTMLElement),
  detail: element('detail', HTMLElement),
  firstFrame: element('first-frame', HTMLElement),
};

/**
 * @param {PageState} state
 * @param {Words} words
 */
export function show(state, words) {
  const before = document.body.dataset.state;
  document.body.dataset.state = state;
  say(words);
  const resting = state === 'idle' || state === 'closed' || state === 'error';
  // Whoever uses the keyboard must not lose their place when the buttons change.
  const { activeElement } = document;
  const onPartner = activeElement === page.report || activeElement === page.block;
  const hadFocus = (resting ? page.controls : page.lobby).contains(activeElement) || (state !== 'in-call' && onPartner);
  page.lobby.hidden = !resting;
  page.controls.hidden = resting;
  page.watch.hidden = state !== 'error';
  page.report.hidden = page.block.hidden = state !== 'in-call';
  // Whoever goes quickly can still be reported, but not without the server.
  if (resting && page.reportDialog.open) page.reportDialog.close('');
  page.start.textContent = state === 'error' ? 'Try again' : before === 'idle' || state === 'idle' ? 'Start' : 'Start again';
  // Not `disabled`, which would drop the focus on it.
  page.next.setAttribute('aria-disabled', String(state !== 'in-call' && state !== 'connecting'));
  if (hadFocus) (resting ? page.start : page.next).focus();
}

/** @param {Words} words */
export function say({ status, detail }) {
  // Only what changed: a screen reader reads out every change.
  if (page.status.textContent !== status) page.status.textContent = status;
  if (page.detail.textContent !== detail) page.detail.textContent = detail;
}

/** @returns {Promise<{ reason: string, details?: string } | null>} Null if there is to be no report. */
export function askForReport() {
  const { reportDialog } = page;
  const form = reportDialog.querySelector('form') ?? undefined;
  form?.reset();
  reportDialog.returnValue = '';
  reportDialog.showModal();
  return new Promise((resolve) => {
    reportDialog.addEventListener(
      'close',
      () => {
        const written = new FormData(form);
        const details = String(written.get('details')).trim();
        const report = { reason: String(written.get('reason')), ...(details && { details }) };
        resolve(reportDialog.returnValue === 'report' ? report : null);
      },
      { once: true },
    );
  });
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let noticeEnds;

/**
 * Says what has just been done, whatever else goes on.
 * @param {string} text Empty for no more of it.
 * @param {(() => void) | null} [undo]
 */
export function notify(text, undo = null) {
  clearTimeout(noticeEnds);
  const hadFocus = document.activeElement === page.undo;
  page.notice.textContent = text;
  page.undo.hidden = !undo;
  page.undo.onclick = undo;
  if (hadFocus && !undo) (page.controls.hidden ? page.start : page.next).focus();
  if (text) noticeEnds = setTimeout(() => notify(''), NOTICE_MS);
}

const NOTICE_MS = 12_000;

/** @param {number} count @param {string} words */
export function showBlocked(count, words) {
  if (count === 0 && page.blocked.contains(document.activeElement)) page.start.focus();
  page.blocked.hidden = count === 0;
  page.blockedCount.textContent = words;
}

/** @param {string | null} roomId */
export function showRoom(roomId) {
  if (roomId) document.body.dataset.room = roomId;
  else delete document.body.dataset.room;
}

/** @param {MediaStream | null} stream */
export function showPartner(stream) {
  page.remote.srcObject = stream;
}

/** @param {MediaStream | null} stream */
export function showOwn(stream) {
  page.local.srcObject = stream;
  page.preview.hidden = !stream;
  page.mic.hidden = !stream?.getAudioTracks().length;
  page.camera.hidden = !stream?.getVideoTracks().length;
  showSwitches(stream);
}

/** @param {MediaStream | null} stream */
export function showSwitches(stream) {
  const pictured = stream?.getVideoTracks().some((track) => track.enabled) ?? false;
  page.mic.setAttribute('aria-pressed', String(stream?.getAudioTracks().some((track) => track.enabled) ?? false));
  page.camera.setAttribute('aria-pressed', String(pictured));
  page.cameraOff.hidden = pictured;
}

/** @param {number | null} ms */
export function showFirstFrame(ms) {
  page.firstFrame.hidden = ms === null;
  page.firstFrame.textContent = ms === null ? '' : `First frame after ${(ms / 1000).toFixed(2)} s`;
  if (ms === null) delete page.firstFrame.dataset.ms;
  else page.firstFrame.dataset.ms = String(Math.round(ms));
}
