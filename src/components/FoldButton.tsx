import { css } from '@emotion/css';
import { type GrafanaTheme2 } from '@grafana/data';
import { Icon, useStyles2 } from '@grafana/ui';
import { type ReactNode } from 'react';

interface Props {
  isOpen: boolean;
  onClick: () => void;
  children: ReactNode;
}

/** A heading that folds what is below it in and out. */
export function FoldButton({ isOpen, onClick, children }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <button type="button" className={styles.button} aria-expanded={isOpen} onClick={onClick}>
      <Icon name={isOpen ? 'angle-down' : 'angle-right'} />
      {children}
    </button>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  button: css({
    display: 'flex',
    flex: '1 1 auto',
    minWidth: 0,
    alignItems: 'center',
    gap: theme.spacing(1),
    padding: 0,
    border: 'none',
    background: 'none',
    textAlign: 'left',
  }),
});
