import { ConfigSubSection } from '@grafana/plugin-ui';
import { Button, Dropdown, Field, Icon, Menu, Stack, TagsInput, useStyles2 } from '@grafana/ui';

import { type ImapSource, type Security } from '../../types';
import { imapProblems } from '../validation';
import { AdvancedSection } from './AdvancedSection';
import { ChoiceField, NumberField, TextField } from './fields';
import { OAuthFields } from './OAuthFields';
import { type ConfigProps } from './props';
import { providerOf, PROVIDERS } from './sources';
import { IntervalField, NameField } from './SharedFields';
import { SourceSecret } from './SourceSecret';
import { Steps } from './Steps';
import { getFormStyles } from './styles';
import { IMAP_AFTER, IMAP_AUTHS, SECURITIES } from './words';

interface Props extends ConfigProps {
  source: ImapSource;
  onChange: (source: ImapSource) => void;
}

const PORTS: Record<Security, number> = { tls: 993, starttls: 143, none: 143 };

export function ImapFields({ source, onChange, ...props }: Props) {
  const styles = useStyles2(getFormStyles);
  const disabled = props.options.readOnly;
  const problems = imapProblems(source);
  const provider = providerOf(source);
  const { id, security = 'tls', auth = 'password', afterProcessing = 'keep' } = source;
  const set = (part: Partial<ImapSource>) => onChange({ ...source, ...part });

  const setSecurity = (next: Security) => {
    const hasUsualPort = source.port === undefined || source.port === PORTS[security];
    set({ security: next, port: hasUsualPort ? PORTS[next] : source.port });
  };
  const providers = (
    <Menu>
      {PROVIDERS.map(({ name, settings }) => (
        <Menu.Item key={name} label={name} onClick={() => set(settings)} />
      ))}
    </Menu>
  );

  return (
    <Stack direction="column" gap={3}>
      <ConfigSubSection title="Mailbox">
        <div className={styles.grid}>
          <NameField source={source} disabled={disabled} onChange={set} />
          <div>
            <Dropdown overlay={providers} placement="bottom-start">
              <Button type="button" variant="secondary" disabled={disabled}>
                Fill in for a provider
                <Icon name="angle-down" />
              </Button>
            </Dropdown>
          </div>
        </div>
        <div className={styles.nextGrid}>
          <TextField
            id={`${id}-host`}
            label="Host"
            description="The IMAP server."
            placeholder="imap.example.com"
            required
            value={source.host}
            problem={problems.host}
            disabled={disabled}
            onChange={(host) => set({ host })}
          />
          <ChoiceField
            id={`${id}-security`}
            label="Encryption"
            words={SECURITIES}
            value={security}
            problem={problems.security}
            disabled={disabled}
            onChange={setSecurity}
          />
          <NumberField
            id={`${id}-port`}
            label="Port"
            description="993 for TLS, 143 for STARTTLS."
            min={1}
            max={65535}
            value={source.port}
            problem={problems.port}
            disabled={disabled}
            onChange={(port) => set({ port })}
          />
        </div>
      </ConfigSubSection>

      <ConfigSubSection title="Sign-in">
        <Stack direction="column" gap={2}>
          {provider && <Steps title={provider.name} steps={provider.steps} />}
          <div className={styles.grid}>
            <TextField
              id={`${id}-username`}
              label="User"
              description="Often the whole mail address."
              placeholder="tlsrpt@example.com"
              required
              value={source.username}
              problem={problems.username}
              disabled={disabled}
              onChange={(username) => set({ username })}
            />
            <ChoiceField
              id={`${id}-auth`}
              label="Method"
              words={IMAP_AUTHS}
              value={auth}
              disabled={disabled}
              onChange={(next) => set({ auth: next })}
            />
            {auth === 'password' && (
              <SourceSecret
                {...props}
                sourceId={id}
                name="password"
                label="Password"
                description="Kept encrypted by Grafana."
                required
              />
            )}
          </div>
          {auth !== 'password' && <OAuthFields {...props} source={source} onChange={onChange} />}
        </Stack>
      </ConfigSubSection>

      <ConfigSubSection title="Reading">
        <div className={styles.grid}>
          <div className={styles.wide}>
            <Field
              noMargin
              htmlFor={`${id}-folders`}
              label="Folders"
              description="Where reports lie. Enter adds one. Folders below them are not read."
              disabled={disabled}
              invalid={problems.folders !== undefined}
              error={problems.folders}
            >
              <TagsInput
                id={`${id}-folders`}
                placeholder="Folder"
                autoColors={false}
                addOnBlur
                tags={source.folders ?? []}
                disabled={disabled}
                onChange={(folders) => set({ folders })}
              />
            </Field>
          </div>
          <IntervalField
            source={source}
            problem={problems.pollInterval}
            note=" New mail is often noticed sooner."
            disabled={disabled}
            onChange={set}
          />
          <ChoiceField
            id={`${id}-after`}
            label="After reading"
            words={IMAP_AFTER}
            value={afterProcessing}
            disabled={disabled}
            onChange={(next) => set({ afterProcessing: next })}
          />
          {afterProcessing === 'move' && (
            <TextField
              id={`${id}-move-to`}
              label="Move to folder"
              description="It must exist."
              placeholder="Archive/TLS-RPT"
              required
              value={source.moveTo}
              problem={problems.moveTo}
              disabled={disabled}
              onChange={(moveTo) => set({ moveTo })}
            />
          )}
        </div>
      </ConfigSubSection>

      <AdvancedSection source={source} problem={problems.tlsCaCert} disabled={disabled} onChange={set}>
        <TextField
          id={`${id}-server-name`}
          label="Server name in the certificate"
          description="Only where it differs from the host above."
          placeholder={source.host}
          value={source.tlsServerName}
          disabled={disabled}
          onChange={(tlsServerName) => set({ tlsServerName })}
        />
      </AdvancedSection>
    </Stack>
  );
}
