import { updateDatasourcePluginJsonDataOption as updateJsonData } from '@grafana/data';
import { ConfigSection, DataSourceDescription } from '@grafana/plugin-ui';
import { Alert, Box, Divider, Stack } from '@grafana/ui';
import { useState } from 'react';

import { QuarantineList } from '../Quarantine/QuarantineList';
import { AlertRulesSection } from './AlertRulesSection';
import { AREA_WIDTH } from './styles';
import { DomainMap } from './DomainMap';
import { ChoiceField, NumberField, TextField } from './fields';
import { LinesField } from './LinesField';
import { type ConfigProps } from './props';
import { SourceList } from './SourceList';
import { StoreInfo } from './StoreInfo';
import { useSourcesStatus } from './useSourcesStatus';
import { AUTHENTICATIONS } from './words';
import { isDomainPattern } from '../validation';

export function ConfigEditor(props: ConfigProps) {
  const { options } = props;
  const { jsonData, readOnly: disabled } = options;
  const savedIds = useSavedIds(props);
  const status = useSourcesStatus(options.uid, options.version, savedIds.length > 0);

  return (
    <Box marginBottom={4}>
      <DataSourceDescription
        dataSourceName="TLS-RPT"
        docsLink="https://github.com/tlsrpt-reports/grafana-tlsrpt-datasource#readme"
      />
      <Divider spacing={4} />
      <ConfigSection
        title="Sources"
        description="Where your reports arrive: the mailbox behind “rua=mailto:” in your _smtp._tls record, and places that hold report files. All of them are read into one store, and what comes by two ways counts once."
      >
        {status.error && (
          <Alert severity="warning" title="The state of the sources is not known">
            {status.error}
          </Alert>
        )}
        {status.answer?.problem && (
          <Alert severity="error" title="No source is read until this is mended">
            {status.answer.problem}
          </Alert>
        )}
        <SourceList {...props} savedIds={savedIds} status={status} />
      </ConfigSection>
      <Divider spacing={4} />
      <DomainSection {...props} />
      <Divider spacing={4} />
      <ConfigSection
        title="Authentication"
        description="Anyone can send you a report. Authenticated ones are known to come from their reporter; queries can ask for these alone."
        isCollapsible
      >
        <Stack direction="column" gap={2} maxWidth={AREA_WIDTH}>
          <ChoiceField
            id="authentication"
            label="How reports are authenticated"
            words={AUTHENTICATIONS}
            value={jsonData.authentication ?? 'dkim'}
            disabled={disabled}
            onChange={(value) => updateJsonData(props, 'authentication', value)}
          />
          {jsonData.authentication === 'headers' && (
            <TextField
              id="authserv-id"
              label="Name of your mail server"
              description="The first word of the Authentication-Results headers that it writes (authserv-id). Headers of others are not believed."
              placeholder="mx.example.com"
              required
              value={jsonData.authservId}
              problem={jsonData.authservId ? undefined : 'Without it no header is believed'}
              disabled={disabled}
              onChange={(value) => updateJsonData(props, 'authservId', value)}
            />
          )}
        </Stack>
      </ConfigSection>
      <Divider spacing={4} />
      <ConfigSection title="Storage" isCollapsible>
        <Stack direction="column" gap={2} maxWidth={AREA_WIDTH}>
          <NumberField
            id="retention-days"
            label="Keep reports for (days)"
            description="Older days are removed with their numbers, and older mail is not read, also not when this is raised later. 400 days let you compare with last year."
            min={1}
            value={jsonData.retentionDays ?? 400}
            problem={retentionProblem(jsonData.retentionDays)}
            disabled={disabled}
            onChange={(value) => updateJsonData(props, 'retentionDays', value)}
          />
          <StoreInfo store={status.answer?.store} />
        </Stack>
      </ConfigSection>
      <AlertRulesSection uid={options.uid} />
      {savedIds.length > 0 && <QuarantineSection uid={options.uid} />}
    </Box>
  );
}

function DomainSection(props: ConfigProps) {
  const { jsonData, readOnly: disabled } = props.options;
  return (
    <ConfigSection
      title="Domains"
      description="Which domains are yours. Reports on others, as spam brings them, are set aside and not counted."
      isCollapsible
    >
      <Stack direction="column" gap={2} maxWidth={AREA_WIDTH}>
        <LinesField
          id="domains"
          label="Your domains"
          description="One a line; *.example.org stands for everything below example.org. Empty accepts every domain. When you add one, what was set aside is tried again."
          placeholder={'example.com\n*.example.org'}
          lines={jsonData.domains ?? []}
          isValid={isDomainPattern}
          problem={(line) => `“${line}” is no domain name`}
          disabled={disabled}
          onChange={(lines) => updateJsonData(props, 'domains', lines)}
        />
        <DomainMap
          value={jsonData.domainMap ?? {}}
          disabled={disabled}
          onChange={(value) => updateJsonData(props, 'domainMap', value)}
        />
      </Stack>
    </ConfigSection>
  );
}

/** Folded in, and asked for nothing, until it is opened. */
function QuarantineSection({ uid }: { uid: string }) {
  const [request] = useState(() => ({ filters: [], from: 0, to: Date.now() }));
  return (
    <>
      <Divider spacing={4} />
      <ConfigSection
        title="Quarantine"
        description="What was received and could not be used. Editors reach it too: under Explore, with the query type “Quarantine”."
        isCollapsible
        isInitiallyOpen={false}
      >
        <QuarantineList
          uid={uid}
          request={request}
          emptyText="Nothing is in quarantine: all that was received could be used, or was ignored as no TLS report."
        />
      </ConfigSection>
    </>
  );
}

function retentionProblem(days?: number): string | undefined {
  const isGood = days === undefined || (Number.isInteger(days) && days >= 1 && days <= 36500);
  return isGood ? undefined : 'A whole number of days from 1 to 36500';
}

/** Returns the ids of the sources as they were last saved, whatever was edited since. */
function useSavedIds({ options }: ConfigProps): string[] {
  const idsNow = () => (options.jsonData.sources ?? []).map(({ id }) => id);
  const [saved, setSaved] = useState(() => ({ version: options.version, ids: idsNow() }));
  if (saved.version !== options.version) {
    setSaved({ version: options.version, ids: idsNow() });
  }
  return saved.ids;
}
