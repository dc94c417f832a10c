import { Alert } from '@grafana/ui';

/** What to do elsewhere before the fields below can be filled in. */
export function Steps({ title, steps }: { title: string; steps: string[] }) {
  return (
    <Alert severity="info" title={title} style={{ marginBottom: 0 }}>
      <ol style={{ paddingLeft: '1.2em', margin: 0 }}>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </Alert>
  );
}
