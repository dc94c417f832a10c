import { ConfigSubSection } from '@grafana/plugin-ui';
import { Stack, useStyles2 } from '@grafana/ui';

import { type HttpsSource } from '../../types';
import { httpsProblems } from '../validation';
import { AdvancedSection } from './AdvancedSection';
import { ChoiceField, TextField } from './fields';
import { type ConfigProps } from './props';
import { IntervalField, NameField } from './SharedFields';
import { SourceSecret } from './SourceSecret';
import { getFormStyles } from './styles';
import { HTTPS_AFTER, HTTPS_AUTHS, LISTINGS } from './words';

interface Props extends ConfigProps {
  source: HttpsSource;
  onChange: (source: HttpsSource) => void;
}

export function HttpsFields({ source, onChange, ...props }: Props) {
  const styles = useStyles2(getFormStyles);
  const disabled = props.options.readOnly;
  const problems = httpsProblems(source);
  const { id, listing = 'auto', auth = 'none', afterProcessing = 'keep' } = source;
  const set = (part: Partial<HttpsSource>) => onChange({ ...source, ...part });

  return (
    <Stack direction="column" gap={3}>
      <ConfigSubSection title="Drop">
        <div className={styles.grid}>
          <NameField source={source} disabled={disabled} onChange={set} />
          <ChoiceField
            id={`${id}-listing`}
            label="Listing"
            words={LISTINGS}
            value={listing}
            disabled={disabled}
            onChange={(next) => set({ listing: next })}
          />
          <div className={styles.wide}>
            <TextField
              id={`${id}-url`}
              label="Address"
              description="The page that lists the report files. Folders below it are followed two levels deep."
              placeholder="https://drop.example.com/tlsrpt/"
              required
              value={source.url}
              problem={problems.url}
              disabled={disabled}
              onChange={(url) => set({ url })}
            />
          </div>
        </div>
      </ConfigSubSection>

      <ConfigSubSection title="Sign-in">
        <div className={styles.grid}>
          <ChoiceField
            id={`${id}-auth`}
            label="Method"
            words={HTTPS_AUTHS}
            value={auth}
            disabled={disabled}
            onChange={(next) => set({ auth: next })}
          />
          {auth === 'basic' && (
            <TextField
              id={`${id}-username`}
              label="User"
              required
              value={source.username}
              problem={problems.username}
              disabled={disabled}
              onChange={(username) => set({ username })}
            />
          )}
          {auth === 'basic' && <SourceSecret {...props} sourceId={id} name="password" label="Password" required />}
          {auth === 'bearer' && <SourceSecret {...props} sourceId={id} name="token" label="Token" required />}
        </div>
      </ConfigSubSection>

      <ConfigSubSection title="Reading">
        <div className={styles.grid}>
          <IntervalField source={source} problem={problems.pollInterval} disabled={disabled} onChange={set} />
          <ChoiceField
            id={`${id}-after`}
            label="After reading"
            words={HTTPS_AFTER}
            value={afterProcessing}
            disabled={disabled}
            onChange={(next) => set({ afterProcessing: next })}
          />
        </div>
      </ConfigSubSection>

      <AdvancedSection source={source} problem={problems.tlsCaCert} disabled={disabled} onChange={set} />
    </Stack>
  );
}
