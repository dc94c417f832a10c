// A settings page takes its time to render on a busy machine with two cores.
module.exports = { ...require('./.config/jest.config'), testTimeout: 30_000 };
