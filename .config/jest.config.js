const path = require('path');

// Packages that ship ES modules only and so must be transformed.
const esModules = [
  '@grafana/schema',
  '@wojtekmaj/date-utils',
  'd3',
  'd3-[a-z-]+',
  'delaunator',
  'get-user-locale',
  'internmap',
  'marked',
  'memoize',
  'mimic-function',
  'ol',
  'rbush',
  'quickselect',
  'react-calendar',
  'react-colorful',
  'react-data-grid',
  'robust-predicates',
  'rxjs',
  'uuid',
];

module.exports = {
  rootDir: path.resolve(__dirname, '..'),
  testEnvironment: 'jsdom',
  testMatch: ['<rootDir>/src/**/*.test.{ts,tsx}'],
  setupFilesAfterEnv: ['<rootDir>/.config/jest/setup.js'],
  moduleNameMapper: {
    '\\.(css|scss|sass|svg)$': '<rootDir>/.config/jest/asset.js',
    // Its main file is an .mjs, which cannot be required.
    '^d3-color$': '<rootDir>/node_modules/d3-color/dist/d3-color.js',
    '^react-inlinesvg$': '<rootDir>/.config/jest/inlinesvg.js',
  },
  transform: {
    '^.+\\.[tj]sx?$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript', tsx: true }, transform: { react: { runtime: 'automatic' } } } },
    ],
  },
  transformIgnorePatterns: [`node_modules/(?!.*(${esModules.join('|')})/.*)`],
};
