import { type Comparison, rulesText } from '../../alertRules';
import { isForbidden, sentenceOf } from '../../api';

/** What came of adding rules, for a person. */
export interface Outcome {
  severity: 'success' | 'info' | 'error';
  title: string;
  text: string;
  /** The rules are there to be looked at. */
  isThere: boolean;
}

const NEXT = 'Who is told of alerts is set under Alerting: contact points and notification policies.';

/** Says what was done and what was there, where so many of the different ones were replaced. */
export function outcomeOf(folder: string, found: Comparison, replacedCount: number): Outcome {
  const { missing, same, different, fromFile } = found;
  if (fromFile.length > 0) {
    return fileOutcome(found);
  }
  const kept = different.length - replacedCount;
  if (missing.length === 0 && replacedCount === 0) {
    const text = kept > 0 ? `Nothing was changed. Kept as changed: ${rulesText(kept)}.` : 'Nothing was changed.';
    return { severity: 'info', title: `Already there: ${rulesText(same.length + kept)}`, text, isThere: true };
  }
  const done = [
    missing.length > 0 && `Added to the folder “${folder}”: ${rulesText(missing.length)}`,
    replacedCount > 0 && `Replaced: ${rulesText(replacedCount)}`,
  ];
  const before = [
    same.length > 0 && `Already there: ${rulesText(same.length)}.`,
    kept > 0 && `Kept as changed: ${rulesText(kept)}.`,
  ];
  return { severity: 'success', title: joined(done, '. '), text: joined([...before, NEXT], ' '), isThere: true };
}

function fileOutcome({ fromFile, missing }: Comparison): Outcome {
  const lacks = `Not among them: ${rulesText(missing.length)}. “tlsrpt alerts” prints the whole file.`;
  return {
    severity: 'info',
    title: `Already there: ${rulesText(fromFile.length)}`,
    text: joined(
      [
        'They come from a file on Grafana’s server, which alone can change them: nothing was done.',
        missing.length > 0 && lacks,
      ],
      ' '
    ),
    isThere: true,
  };
}

/** Says why it did not work, and what to do. */
export function refusalOf(error: unknown, uid: string): Outcome {
  const problem = sentenceOf(error);
  if (!isForbidden(error)) {
    return { severity: 'error', title: 'The alert rules could not be added', text: problem, isThere: false };
  }
  const text = [
    'This needs the role Editor or Admin in this organization; where single rights are given: fixed:alerting:writer, fixed:alerting.provisioning.provenance:writer and fixed:folders:creator.',
    `Ask someone who has it to press this button, or have the operator of this Grafana provision the file that “tlsrpt alerts --datasource-uid ${uid}” prints.`,
    `Grafana says: ${problem}`,
  ];
  return {
    severity: 'error',
    title: 'Grafana does not let you add alert rules',
    text: joined(text, ' '),
    isThere: false,
  };
}

function joined(parts: Array<string | false>, between: string): string {
  return parts.filter(Boolean).join(between);
}
