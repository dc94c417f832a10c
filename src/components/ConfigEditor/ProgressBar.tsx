import { css } from '@emotion/css';
import { type GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

interface Props {
  done: number;
  total: number;
  /** What goes on, for those who don't see the bar. */
  label: string;
  /** What is counted, in the plural. */
  unit: string;
}

export function ProgressBar({ done, total, label, unit }: Props) {
  const styles = useStyles2(getStyles);
  const percent = total > 0 ? Math.min(100, Math.round((100 * done) / total)) : 0;
  const text = `${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} ${unit} read`;
  return (
    <div>
      <div
        className={styles.track}
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={done}
        aria-valuetext={text}
      >
        <div className={styles.bar} style={{ width: `${percent}%` }} />
      </div>
      <span className={styles.text}>{text}</span>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  track: css({
    height: theme.spacing(0.75),
    borderRadius: theme.shape.radius.pill,
    background: theme.colors.background.secondary,
    overflow: 'hidden',
  }),
  bar: css({
    height: '100%',
    background: theme.colors.primary.main,
    [theme.transitions.handleMotion('no-preference')]: { transition: 'width 1s linear' },
  }),
  text: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
