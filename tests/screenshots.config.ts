import { defineConfig } from '@playwright/test';

import base from '../playwright.config';

// `go tool mage screenshots` runs this against the demo: it takes pictures and
// is no test.
export default defineConfig({
  ...base,
  testDir: '.',
  projects: [{ name: 'screenshots', testMatch: /screenshots\.ts$/ }],
});
