import { locationUtil } from '@grafana/data';
import { ConfigSection } from '@grafana/plugin-ui';
import { config } from '@grafana/runtime';
import { Alert, Button, ConfirmModal, Divider, LoadingPlaceholder, Stack, Text, TextLink } from '@grafana/ui';

import { rulesText } from '../../alertRules';
import { AREA_WIDTH } from './styles';
import { useAlertRules } from './useAlertRules';

/** Where Grafana lists the rules of the folder. */
const RULES_PAGE = `/alerting/list?search=${encodeURIComponent('namespace:"TLS-RPT"')}`;

/** A button that adds the alert rules which ship, for this data source, with the rights of who presses it. */
export function AlertRulesSection({ uid }: { uid: string }) {
  const { step, outcome, question, add, decide } = useAlertRules(uid);

  return (
    <>
      <Divider spacing={4} />
      <ConfigSection
        title="Alert rules"
        description="Twelve rules that tell you when TLS to your domains fails, when reports stop coming, and when they can’t be read. They are added to Grafana’s alerting for this data source, where you can edit them."
        isCollapsible
      >
        <Stack direction="column" gap={2} maxWidth={AREA_WIDTH} alignItems="flex-start">
          {config.unifiedAlertingEnabled ? (
            <Button type="button" variant="secondary" icon="bell" disabled={step !== undefined} onClick={add}>
              Add alert rules
            </Button>
          ) : (
            <Text color="secondary">Grafana’s alerting is turned off here, so there is nothing to add rules to.</Text>
          )}
          <div role="status" style={{ width: '100%' }}>
            {step && <LoadingPlaceholder text={step} />}
            {outcome && (
              <Alert severity={outcome.severity} title={outcome.title} style={{ marginBottom: 0 }}>
                {outcome.text}
                {outcome.isThere && (
                  <div>
                    {/* In a tab of its own: settings that are not saved yet stay. */}
                    <TextLink href={locationUtil.assureBaseUrl(RULES_PAGE)} external>
                      Look at the rules
                    </TextLink>
                  </div>
                )}
              </Alert>
            )}
          </div>
        </Stack>
        <ConfirmModal
          isOpen={question !== undefined}
          title="Replace changed alert rules?"
          body={`There, but not as shipped: ${rulesText(question?.length ?? 0)}. Someone has changed them, or an older version of this plugin has added them. Replacing takes such changes back; added labels, pauses and contact points stay.`}
          description={(question ?? []).map(({ title }) => title).join(', ')}
          confirmText="Replace them"
          confirmButtonVariant="destructive"
          dismissText="Keep them"
          onConfirm={() => decide(true)}
          onDismiss={() => decide(false)}
        />
      </ConfigSection>
    </>
  );
}
