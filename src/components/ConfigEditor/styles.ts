import { css } from '@emotion/css';
import { type GrafanaTheme2 } from '@grafana/data';

/** The width of the form, so that lines stay readable on wide screens, in the theme's spacing units. */
export const AREA_WIDTH = 100;

/** Fields side by side where they have room, one below the other where not. */
const gridOf = (theme: GrafanaTheme2) => ({
  display: 'grid',
  gridTemplateColumns: 'repeat(auto-fit, minmax(min(100%, 220px), 1fr))',
  gap: theme.spacing(2),
  alignItems: 'end',
});

export const getFormStyles = (theme: GrafanaTheme2) => ({
  grid: css(gridOf(theme)),
  /** A grid of its own columns below another one. */
  nextGrid: css(gridOf(theme), { marginTop: theme.spacing(2) }),
  wide: css({ gridColumn: '1 / -1' }),
});
