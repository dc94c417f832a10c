import { ConfigSubSection } from '@grafana/plugin-ui';
import { useStyles2 } from '@grafana/ui';
import { type ReactNode } from 'react';

import { type ReportSource, type SourceTrust } from '../../types';
import { AreaField, ChoiceField } from './fields';
import { getFormStyles } from './styles';
import { SOURCE_TRUSTS } from './words';

interface Props {
  source: ReportSource;
  /** What is wrong with the certificate. */
  problem?: string;
  disabled?: boolean;
  onChange: (part: { trust?: SourceTrust; tlsCaCert?: string }) => void;
  children?: ReactNode;
}

/** What few need; it is open where something in it was set. */
export function AdvancedSection({ source, problem, disabled, onChange, children }: Props) {
  const styles = useStyles2(getFormStyles);
  const { id, trust = 'verify', tlsCaCert } = source;
  const hasServerName = source.type === 'imap' && Boolean(source.tlsServerName);

  return (
    <ConfigSubSection
      title="Advanced"
      isCollapsible
      isInitiallyOpen={trust === 'assume' || Boolean(tlsCaCert) || hasServerName}
    >
      <div className={styles.grid}>
        <ChoiceField
          id={`${id}-trust`}
          label="Trust"
          words={SOURCE_TRUSTS}
          value={trust}
          disabled={disabled}
          onChange={(next) => onChange({ trust: next })}
        />
        {children}
        <div className={styles.wide}>
          <AreaField
            id={`${id}-ca`}
            label="Private certificate authority"
            description="Only where the server's certificate comes from an authority of your own. Certificates are always verified."
            placeholder={'-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----'}
            value={tlsCaCert}
            problem={problem}
            disabled={disabled}
            onChange={(next) => onChange({ tlsCaCert: next })}
          />
        </div>
      </div>
    </ConfigSubSection>
  );
}
