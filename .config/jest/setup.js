require('@testing-library/jest-dom');
const { TextDecoder, TextEncoder } = require('util');

Object.assign(globalThis, { TextDecoder, TextEncoder });

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
Element.prototype.getBoundingClientRect = () => ({
  x: 0,
  y: 0,
  top: 0,
  left: 0,
  right: 400,
  bottom: 400,
  width: 400,
  height: 400,
  toJSON() {},
});
Object.defineProperty(HTMLElement.prototype, 'offsetHeight', { value: 400 });
Object.defineProperty(HTMLElement.prototype, 'offsetWidth', { value: 400 });
