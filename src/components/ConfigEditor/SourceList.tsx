import { Button, ConfirmModal, Stack, Text } from '@grafana/ui';
import { useState } from 'react';

import { type ReportSource } from '../../types';
import { type ConfigProps } from './props';
import { SourceCard } from './SourceCard';
import { moved, newSource, secretKeys, SourceIds } from './sources';
import { type SourcesStatus } from './useSourcesStatus';

interface Props extends ConfigProps {
  savedIds: string[];
  status: SourcesStatus;
}

export function SourceList(props: Props) {
  const { options, onOptionsChange, savedIds, status } = props;
  const sources = options.jsonData.sources ?? [];
  const [ids] = useState(() => {
    const taken = new SourceIds();
    taken.note(sources.map(({ id }) => id));
    taken.noteSecrets(Object.keys(options.secureJsonFields ?? {}));
    return taken;
  });
  const [openIds, setOpenIds] = useState<string[]>(() => (sources.length === 1 ? [sources[0].id] : []));
  const [removing, setRemoving] = useState<ReportSource>();

  const setSources = (next: ReportSource[]) =>
    onOptionsChange({ ...options, jsonData: { ...options.jsonData, sources: next } });

  const add = (type: ReportSource['type']) => {
    const source = newSource(type, ids.next(type));
    setSources([...sources, source]);
    setOpenIds([...openIds, source.id]);
  };

  // Grafana keeps a secret that a save does not name, so each is overwritten with nothing.
  const remove = ({ id }: ReportSource) => {
    const keys = secretKeys(id);
    const emptied = keys.filter((key) => options.secureJsonFields?.[key] || options.secureJsonData?.[key]);
    onOptionsChange({
      ...options,
      jsonData: { ...options.jsonData, sources: sources.filter((source) => source.id !== id) },
      secureJsonFields: { ...options.secureJsonFields, ...Object.fromEntries(emptied.map((key) => [key, false])) },
      secureJsonData: { ...options.secureJsonData, ...Object.fromEntries(emptied.map((key) => [key, ''])) },
    });
    setRemoving(undefined);
  };

  const toggle = (id: string) =>
    setOpenIds(openIds.includes(id) ? openIds.filter((openId) => openId !== id) : [...openIds, id]);

  return (
    <Stack direction="column" gap={1}>
      {sources.length === 0 && (
        <Text color="secondary" italic>
          No sources yet. Add the mailbox that your reports are sent to.
        </Text>
      )}
      {sources.map((source, index) => (
        <SourceCard
          key={source.id}
          {...props}
          source={source}
          isOpen={openIds.includes(source.id)}
          isSaved={savedIds.includes(source.id)}
          state={status.answer?.sources.find(({ id }) => id === source.id)}
          onPolled={status.refresh}
          onToggle={() => toggle(source.id)}
          onChange={(next) => setSources(sources.map((s) => (s.id === source.id ? next : s)))}
          onMoveUp={index > 0 ? () => setSources(moved(sources, index, -1)) : undefined}
          onMoveDown={index < sources.length - 1 ? () => setSources(moved(sources, index, 1)) : undefined}
          onRemove={() => setRemoving(source)}
        />
      ))}
      <Stack gap={1} wrap="wrap">
        <Button
          type="button"
          icon="envelope"
          variant="secondary"
          disabled={options.readOnly}
          onClick={() => add('imap')}
        >
          Add mailbox
        </Button>
        <Button
          type="button"
          icon="cloud-download"
          variant="secondary"
          disabled={options.readOnly}
          onClick={() => add('https')}
        >
          Add HTTPS drop
        </Button>
      </Stack>
      <ConfirmModal
        isOpen={removing !== undefined}
        title="Remove source"
        body={`Remove “${removing?.name || removing?.id}” (${removing?.id}) and its secrets?`}
        description="It is no longer read once you save. Reports that were read stay, and nothing changes on its server."
        confirmText="Remove"
        onConfirm={() => removing && remove(removing)}
        onDismiss={() => setRemoving(undefined)}
      />
    </Stack>
  );
}
