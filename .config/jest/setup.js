require('@testing-library/jest-dom');
const { TextDecoder, TextEncoder } = require('util');

Object.assign(globalThis, { TextDecoder, TextEncoder });

// i18next advertises itself here.
console.info = () => {};

// What jsdom lacks and Grafana's components ask for.
Object.defineProperty(globalThis, 'matchMedia', {
  writable: true,
  value: (media) => ({
    matches: false,
    media,
    addListener() {},
    removeListener() {},
    addEventListener() {},
    removeEventListener() {},
  }),
});
globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
globalThis.IntersectionObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
HTMLCanvasElement.prototype.getContext = () => ({ measureText: (text) => ({ width: 8 * text.length }) });
Element.prototype.scrollIntoView = () => {};

// The options of a Combobox are rendered only where they have room.
for (const name of ['clientHeight', 'clientWidth', 'offsetHeight', 'offsetWidth']) {
  Object.defineProperty(HTMLElement.prototype, name, { get: () => 400 });
}
