import { css } from '@emotion/css';
import { getValueFormat, formattedValueToString, type GrafanaTheme2 } from '@grafana/data';
import { Alert, Drawer, LinkButton, LoadingPlaceholder, Stack, Text, useStyles2 } from '@grafana/ui';
import { useEffect, useState } from 'react';

import { downloadUrl, getRawStart, sentenceOf } from '../../api';
import { type QuarantineItem, visible } from '../../quarantine';

/** How many bytes are shown; a download has all of them. */
const SHOWN_BYTES = 64 * 1024;

const HIDDEN_HINT = 'Characters that can’t be seen are shown by their numbers, such as \\x00 or ⟨U+202E⟩.';

interface Props {
  uid: string;
  item: QuarantineItem;
  onClose: () => void;
}

/** Shows the start of a document as the stranger sent it: as text, whatever it holds. */
export function RawDrawer({ uid, item, onClose }: Props) {
  const styles = useStyles2(getStyles);
  const [start, setStart] = useState<Uint8Array>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    getRawStart(uid, item.id, SHOWN_BYTES).then(setStart, (error: unknown) => setProblem(sentenceOf(error)));
  }, [uid, item.id]);
  const isCut = start?.length === SHOWN_BYTES;

  return (
    <Drawer title={`Document ${item.id}`} subtitle={item.detail} onClose={onClose} size="lg">
      <Stack direction="column" gap={2}>
        {problem && <Alert severity="error" title={problem} />}
        {!problem && !start && <LoadingPlaceholder text="Loading…" />}
        {start && (
          <>
            <Stack alignItems="center" justifyContent="space-between" wrap="wrap">
              <Text color="secondary" variant="bodySmall">
                {isCut ? `The first ${bytes(SHOWN_BYTES)} of it.` : 'All of it.'} {HIDDEN_HINT}
              </Text>
              <LinkButton
                size="sm"
                variant="secondary"
                icon="download-alt"
                href={downloadUrl(uid, item.id)}
                target="_blank"
              >
                Download
              </LinkButton>
            </Stack>
            <pre className={styles.raw} data-testid="raw-bytes">
              {visible(start)}
            </pre>
          </>
        )}
      </Stack>
    </Drawer>
  );
}

export function bytes(size: number): string {
  return formattedValueToString(getValueFormat('bytes')(size, size < 1024 ? 0 : 1));
}

const getStyles = (theme: GrafanaTheme2) => ({
  raw: css({
    margin: 0,
    fontSize: theme.typography.bodySmall.fontSize,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    // In the order of the bytes, whatever script they are in.
    direction: 'ltr',
    unicodeBidi: 'bidi-override',
  }),
});
