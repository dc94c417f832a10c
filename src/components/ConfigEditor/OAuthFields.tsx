import { useStyles2 } from '@grafana/ui';

import { type ImapSource, type OAuthSettings } from '../../types';
import { tokenUrlProblem } from '../validation';
import { ChoiceField, TextField } from './fields';
import { type ConfigProps } from './props';
import { SourceSecret } from './SourceSecret';
import { getFormStyles } from './styles';
import { GRANTS } from './words';

interface Props extends ConfigProps {
  source: ImapSource;
  onChange: (source: ImapSource) => void;
}

export function OAuthFields({ source, onChange, ...props }: Props) {
  const styles = useStyles2(getFormStyles);
  const disabled = props.options.readOnly;
  const { id, oauth = {} } = source;
  const { grant = 'clientCredentials', tokenUrl = '', clientId = '', scopes = [] } = oauth;
  const set = (part: OAuthSettings) => onChange({ ...source, oauth: { grant, tokenUrl, clientId, scopes, ...part } });

  return (
    <div className={styles.grid}>
      <ChoiceField
        id={`${id}-grant`}
        label="Grant"
        words={GRANTS}
        value={grant}
        disabled={disabled}
        onChange={(next) => set({ grant: next })}
      />
      <TextField
        id={`${id}-client-id`}
        label="Client id"
        description="The id of the application at the provider."
        required
        value={clientId}
        problem={clientId ? undefined : 'Enter the id of the application'}
        disabled={disabled}
        onChange={(next) => set({ clientId: next })}
      />
      <div className={styles.wide}>
        <TextField
          id={`${id}-token-url`}
          label="Token address"
          description="Where the provider gives out tokens. Exchange Online: https://login.microsoftonline.com/<tenant id>/oauth2/v2.0/token"
          placeholder="https://login.microsoftonline.com/<tenant id>/oauth2/v2.0/token"
          required
          value={tokenUrl}
          problem={tokenUrlProblem(tokenUrl)}
          disabled={disabled}
          onChange={(next) => set({ tokenUrl: next })}
        />
      </div>
      <TextField
        id={`${id}-scopes`}
        label="Scopes"
        description="What the token is for; blanks between several."
        placeholder="https://outlook.office365.com/.default"
        value={scopes.join(' ')}
        disabled={disabled}
        onChange={(text) => set({ scopes: text.trimStart() === '' ? [] : text.trimStart().split(/\s/) })}
      />
      <SourceSecret
        {...props}
        sourceId={id}
        name="clientSecret"
        label="Client secret"
        description={
          grant === 'clientCredentials'
            ? 'Note when it ends: the provider then refuses it.'
            : 'Where the provider gave one.'
        }
        required={grant === 'clientCredentials'}
      />
      {grant === 'refreshToken' && (
        <SourceSecret
          {...props}
          sourceId={id}
          name="refreshToken"
          label="Refresh token"
          description="What allowing the access once gave you."
          required
        />
      )}
    </div>
  );
}
