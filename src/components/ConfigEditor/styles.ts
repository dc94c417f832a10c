import { css } from '@emotion/css';
import { type GrafanaTheme2 } from '@grafana/data';

/** The width of the form, so that lines stay readable on wide screens, in the theme's spacing units. */
export const AREA_WIDTH = 100;

export const getFormStyles = (theme: GrafanaTheme2) => ({
  /** Fields side by side where they have room, one below the other where not. */
  grid: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fit, minmax(min(100%, 220px), 1fr))',
    columnGap: theme.spacing(2),
    rowGap: theme.spacing(2),
    alignItems: 'end',
  }),
  wide: css({ gridColumn: '1 / -1' }),
});
