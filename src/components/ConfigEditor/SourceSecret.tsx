import { updateDatasourcePluginResetOption, updateDatasourcePluginSecureJsonDataOption } from '@grafana/data';

import { type SecretName } from '../../types';
import { SecretField } from './fields';
import { type ConfigProps } from './props';
import { secretKey } from './sources';

interface Props extends ConfigProps {
  sourceId: string;
  name: SecretName;
  label: string;
  description?: string;
  required?: boolean;
}

/** A secret of one source. It goes to Grafana's encrypted settings, and never comes back from there. */
export function SourceSecret({ sourceId, name, label, description, required, ...props }: Props) {
  const { options } = props;
  const key = secretKey(sourceId, name);
  return (
    <SecretField
      id={`${sourceId}-${name}`}
      label={label}
      description={description}
      required={required}
      disabled={options.readOnly}
      isConfigured={Boolean(options.secureJsonFields?.[key])}
      value={options.secureJsonData?.[key]}
      onChange={(value) => updateDatasourcePluginSecureJsonDataOption(props, key, value)}
      onReset={() => updateDatasourcePluginResetOption(props, key)}
    />
  );
}
