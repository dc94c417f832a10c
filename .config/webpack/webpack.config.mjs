// Builds the front end into dist/ in the shape of create-plugin's configuration:
// one AMD module, with everything that Grafana offers at run time left out of it.
// Plain JavaScript, so that every Node from 20 on runs it without more.

import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import CopyPlugin from 'copy-webpack-plugin';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const inRoot = (...parts) => path.join(root, ...parts);
const readJson = (file) => JSON.parse(readFileSync(inRoot(file), 'utf8'));

const { id } = readJson('plugin.json');
const { version } = readJson('package.json');

// Grafana's own tools look for src/plugin.json; the one to edit is in the root.
copyFileSync(inRoot('plugin.json'), inRoot('src', 'plugin.json'));

const fillIn = (content) =>
  content
    .toString()
    .replaceAll('%VERSION%', version)
    .replaceAll('%TODAY%', new Date().toISOString().slice(0, 10))
    .replaceAll('%PLUGIN_ID%', id);

// Pictures lie in src/img in the repository, and in img beside the README in dist/.
const readme = (content) => fillIn(content).replaceAll('](src/img/', '](img/');

/** What goes into dist/ as it is; a missing folder or file is no error while others write it. */
const copies = [
  { from: inRoot('plugin.json'), to: '.', transform: fillIn },
  { from: inRoot('README.md'), to: '.', transform: readme, noErrorOnMissing: true },
  { from: inRoot('CHANGELOG.md'), to: '.', noErrorOnMissing: true },
  { from: inRoot('LICENSE'), to: 'LICENSE', toType: 'file', noErrorOnMissing: true },
  { from: inRoot('dashboards', '*.json'), to: 'dashboards/[name][ext]', noErrorOnMissing: true },
  { from: 'img/**/*', to: '.' },
  { from: 'query_help.md', to: '.' },
];

/** Modules that Grafana gives to every plugin. */
const externals = [
  'lodash',
  'jquery',
  'moment',
  'slate',
  'slate-react',
  'slate-plain-serializer',
  'prismjs',
  'react',
  'react/jsx-runtime',
  'react/jsx-dev-runtime',
  'react-dom',
  'react-redux',
  'react-router',
  'redux',
  'rxjs',
  'rxjs/operators',
  'd3',
  'i18next',
  '@emotion/css',
  '@emotion/react',
  /^@grafana\/(ui|runtime|data)/i,
];

export default (_env, { mode }) => ({
  mode,
  target: 'web',
  context: inRoot('src'),
  entry: { module: './module.ts' },
  devtool: mode === 'production' ? 'source-map' : 'eval-source-map',
  externals,
  output: {
    path: inRoot('dist'),
    filename: '[name].js',
    publicPath: `public/plugins/${id}/`,
    library: { type: 'amd' },
    uniqueName: id,
    // The backend's executables are built into the same folder by another tool.
    clean: { keep: /^(gpx_|go_plugin_build_manifest)/ },
  },
  resolve: { extensions: ['.ts', '.tsx', '.js', '.jsx'] },
  module: {
    rules: [
      {
        test: /\.tsx?$/,
        exclude: /node_modules/,
        use: {
          loader: 'swc-loader',
          options: {
            jsc: {
              target: 'es2022',
              parser: { syntax: 'typescript', tsx: true },
              transform: { react: { runtime: 'automatic' } },
            },
          },
        },
      },
      { test: /\.(png|svg)$/, type: 'asset/resource' },
      { test: /\.css$/, type: 'asset/source' },
    ],
  },
  plugins: [new CopyPlugin({ patterns: copies })],
  performance: { hints: false },
});
