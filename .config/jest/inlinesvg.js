// Grafana's icons are fetched at run time; a test shows their names instead.
module.exports = { __esModule: true, default: ({ src, innerRef, onLoad, ...props }) => null };
