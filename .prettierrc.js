module.exports = {
  endOfLine: 'auto',
  printWidth: 120,
  singleQuote: true,
  trailingComma: 'es5',
};
