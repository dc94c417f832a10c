import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { Badge, Button, IconButton, LinkButton, Text, useStyles2 } from '@grafana/ui';
import { useState } from 'react';

import { downloadUrl } from '../../api';
import { type QuarantineItem, type ReasonGroup } from '../../quarantine';
import { FoldButton } from '../FoldButton';
import { bytes } from './RawDrawer';

/** How many items are shown at first, and with each wish for more. */
const PAGE = 10;

interface Props {
  uid: string;
  group: ReasonGroup;
  /** Missing where the user may only look at the list. */
  actions?: Actions;
}

interface Actions {
  isBusy: boolean;
  onLook: (item: QuarantineItem) => void;
  onRetry: (item: QuarantineItem) => void;
  onRetryAll: () => void;
}

/** One reason, in words, and folded below it what is in quarantine for it. */
export function ReasonSection({ uid, group, actions }: Props) {
  const styles = useStyles2(getStyles);
  const [isOpen, setIsOpen] = useState(false);
  const [shown, setShown] = useState(PAGE);
  const { reason, meaning, fix, items } = group;
  const left = items.length - shown;

  return (
    <section aria-label={`Reason ${reason}`} className={styles.section}>
      <div className={styles.header}>
        <FoldButton isOpen={isOpen} onClick={() => setIsOpen(!isOpen)}>
          <Badge color="orange" text={items.length.toLocaleString('en-US')} />
          <span>
            <strong>{meaning}</strong> <span className={styles.word}>{reason}</span>
          </span>
        </FoldButton>
        {actions && (
          <Button
            type="button"
            size="sm"
            variant="secondary"
            icon="sync"
            disabled={actions.isBusy}
            onClick={actions.onRetryAll}
            aria-label={`Try all of ${reason} again`}
          >
            Try all again
          </Button>
        )}
      </div>
      {isOpen && (
        <div className={styles.body}>
          <Text variant="bodySmall" color="secondary">
            {fix}
          </Text>
          <table className={styles.table}>
            <thead>
              <tr>
                <th>Time</th>
                <th>Detail</th>
                <th>Source</th>
                <th>Size</th>
                <th>Tries</th>
                <th>Parser</th>
                {actions && <th aria-label="Actions" />}
              </tr>
            </thead>
            <tbody>
              {items.slice(0, shown).map((item) => (
                <ItemRow key={item.id} uid={uid} item={item} actions={actions} />
              ))}
            </tbody>
          </table>
          {left > 0 && (
            <Button type="button" size="sm" fill="text" onClick={() => setShown(shown + PAGE)}>
              {`Show ${Math.min(PAGE, left)} more of ${left}`}
            </Button>
          )}
        </div>
      )}
    </section>
  );
}

function ItemRow({ uid, item, actions }: { uid: string; item: QuarantineItem; actions?: Actions }) {
  const styles = useStyles2(getStyles);
  const { id, time, detail, source, reference, size, tries, parserVersion } = item;
  return (
    <tr data-testid={`quarantine-${id}`}>
      <td className={styles.short}>{dateTimeFormat(time)}</td>
      <td title={detail}>
        <div className={styles.detail}>{detail}</div>
      </td>
      <td className={styles.short} title={reference}>
        {source}
      </td>
      <td className={styles.short}>{bytes(size)}</td>
      <td>{tries}</td>
      <td>{parserVersion}</td>
      {actions && (
        <td className={styles.short}>
          <div className={styles.buttons}>
            <IconButton name="eye" tooltip={`Look at document ${id}`} onClick={() => actions.onLook(item)} />
            <LinkButton
              size="sm"
              fill="text"
              variant="secondary"
              icon="download-alt"
              tooltip={`Download document ${id}`}
              aria-label={`Download document ${id}`}
              href={downloadUrl(uid, id)}
              target="_blank"
            />
            <IconButton
              name="sync"
              tooltip={`Try document ${id} again`}
              disabled={actions.isBusy}
              onClick={() => actions.onRetry(item)}
            />
          </div>
        </td>
      )}
    </tr>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  section: css({
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
  }),
  header: css({
    display: 'flex',
    alignItems: 'center',
    justifyContent: 'space-between',
    gap: theme.spacing(1),
    padding: theme.spacing(0.5, 1),
  }),
  word: css({
    color: theme.colors.text.secondary,
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
  }),
  body: css({ padding: theme.spacing(0, 1, 1), overflowX: 'auto' }),
  table: css({
    width: '100%',
    marginTop: theme.spacing(1),
    fontSize: theme.typography.bodySmall.fontSize,
    'th, td': { padding: theme.spacing(0.25, 1, 0.25, 0), textAlign: 'left', verticalAlign: 'middle' },
  }),
  short: css({ whiteSpace: 'nowrap' }),
  detail: css({
    minWidth: theme.spacing(20),
    display: '-webkit-box',
    WebkitBoxOrient: 'vertical',
    WebkitLineClamp: 2,
    overflow: 'hidden',
    overflowWrap: 'anywhere',
  }),
  buttons: css({ display: 'flex', alignItems: 'center', justifyContent: 'flex-end' }),
});
