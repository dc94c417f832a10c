import { type PluginOptions } from '@grafana/plugin-e2e';
import { defineConfig, devices } from '@playwright/test';

/** Where the sign-in test leaves its cookie for the others; git ignores it. */
export const SIGNED_IN = 'tests/.auth/admin.json';

// Runs against the Grafana at GRAFANA_URL, with a Chromium that is installed
// already. `go tool mage test` gives both, and a mailbox to configure.
export default defineConfig<PluginOptions>({
  testDir: './tests',
  forbidOnly: Boolean(process.env.CI),
  timeout: 90_000,
  expect: { timeout: 15_000 },
  // Two browsers at once starve each other, and Grafana, on a small machine.
  workers: 1,
  reporter: 'list',
  use: {
    baseURL: process.env.GRAFANA_URL || 'http://localhost:3000',
    actionTimeout: 15_000,
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH || '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'sign-in', testMatch: /signIn\.setup\.ts/ },
    {
      name: 'chromium',
      use: { ...devices['Desktop Chrome'], viewport: { width: 1440, height: 1000 }, storageState: SIGNED_IN },
      dependencies: ['sign-in'],
    },
  ],
});
