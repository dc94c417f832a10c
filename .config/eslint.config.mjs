import grafanaConfig from '@grafana/eslint-config/flat.js';
import { defineConfig } from 'eslint/config';

export default defineConfig([
  ...grafanaConfig,
  {
    // The JSX runtime brings React itself, and TypeScript checks properties.
    rules: { 'react/prop-types': 'off', 'react/react-in-jsx-scope': 'off' },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    rules: {
      '@typescript-eslint/no-deprecated': 'warn',
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
  {
    // Playwright fixtures are functions named `use`, which are no React hooks.
    files: ['tests/**/*.ts'],
    rules: { 'react-hooks/rules-of-hooks': 'off' },
  },
]);
