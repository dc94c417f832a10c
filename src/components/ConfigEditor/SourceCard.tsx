import { css } from '@emotion/css';
import { type GrafanaTheme2 } from '@grafana/data';
import { Badge, Icon, IconButton, useStyles2 } from '@grafana/ui';

import { type ReportSource, type SourceStatus } from '../../types';
import { FoldButton } from '../FoldButton';
import { HttpsFields } from './HttpsFields';
import { ImapFields } from './ImapFields';
import { type ConfigProps } from './props';
import { SourceStatusPanel, StateBadge } from './SourceStatusPanel';

interface Props extends ConfigProps {
  source: ReportSource;
  isOpen: boolean;
  isSaved: boolean;
  state?: SourceStatus;
  onPolled: () => void;
  onToggle: () => void;
  onChange: (source: ReportSource) => void;
  /** Missing at the ends of the list. */
  onMoveUp?: () => void;
  onMoveDown?: () => void;
  onRemove: () => void;
}

export function SourceCard({ source, isOpen, isSaved, state, onPolled, onToggle, onChange, ...props }: Props) {
  const styles = useStyles2(getStyles);
  const { options, onMoveUp, onMoveDown, onRemove } = props;
  const name = source.name || source.id;
  const isFixed = options.readOnly;

  return (
    <section className={styles.card} aria-label={`Source ${source.id}`} data-testid={`source-${source.id}`}>
      <div className={styles.header}>
        <FoldButton isOpen={isOpen} onClick={onToggle}>
          <Icon name={source.type === 'imap' ? 'envelope' : 'cloud-download'} />
          <span className={styles.name}>{name}</span>
          <span className={styles.id}>{source.id}</span>
        </FoldButton>
        {isSaved ? <StateBadge state={state} /> : <Badge color="darkgrey" text="Not saved yet" />}
        <div className={styles.buttons}>
          <IconButton
            name="arrow-up"
            tooltip={`Move ${source.id} up`}
            disabled={isFixed || !onMoveUp}
            onClick={onMoveUp}
          />
          <IconButton
            name="arrow-down"
            tooltip={`Move ${source.id} down`}
            disabled={isFixed || !onMoveDown}
            onClick={onMoveDown}
          />
          <IconButton name="trash-alt" tooltip={`Remove ${source.id}`} disabled={isFixed} onClick={onRemove} />
        </div>
      </div>
      {isSaved && state && (
        <SourceStatusPanel uid={options.uid} type={source.type} state={state} isOpen={isOpen} onPolled={onPolled} />
      )}
      {isOpen && (
        <div className={styles.body}>
          {source.type === 'imap' ? (
            <ImapFields {...props} source={source} onChange={onChange} />
          ) : (
            <HttpsFields {...props} source={source} onChange={onChange} />
          )}
        </div>
      )}
    </section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  card: css({
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.primary,
    maxWidth: theme.spacing(120),
  }),
  header: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    padding: theme.spacing(1),
    background: theme.colors.background.secondary,
    borderRadius: theme.shape.radius.default,
  }),
  name: css({ fontWeight: theme.typography.fontWeightMedium, overflow: 'hidden', textOverflow: 'ellipsis' }),
  id: css({
    color: theme.colors.text.secondary,
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
  }),
  buttons: css({ display: 'flex', gap: theme.spacing(0.5) }),
  body: css({ padding: theme.spacing(1.5, 2, 2) }),
});
