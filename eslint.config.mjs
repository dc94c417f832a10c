import { defineConfig, globalIgnores } from 'eslint/config';
import baseConfig from './.config/eslint.config.mjs';

export default defineConfig([
  globalIgnores(['dist/', 'coverage/', 'node_modules/', 'test-results/', 'playwright-report/', 'demo-data/']),
  ...baseConfig,
]);
