import { useState } from 'react';

import {
  type AlertRule,
  compareRules,
  type Comparison,
  type PresentRule,
  replaced,
  rulesText,
  type ShippedRules,
  withMissing,
} from '../../alertRules';
import { ensureFolder, getPresentRules, getRuleGroup, getShippedRules, putRule, putRuleGroup } from '../../api';
import { type Outcome, outcomeOf, refusalOf } from './alertRulesOutcome';

export interface AlertRulesWork {
  /** What is being done just now; undefined while nothing is. */
  step?: string;
  outcome?: Outcome;
  /** What differs from what ships and waits for a decision. */
  question?: PresentRule[];
  add: () => void;
  /** Answers the question. */
  decide: (replace: boolean) => void;
}

interface Found {
  shipped: ShippedRules;
  comparison: Comparison;
}

/** Adds the shipped alert rules to Grafana, and asks before it replaces any. */
export function useAlertRules(uid: string): AlertRulesWork {
  const [step, setStep] = useState<string>();
  const [outcome, setOutcome] = useState<Outcome>();
  const [found, setFound] = useState<Found>();

  const work = async (task: () => Promise<Outcome | undefined>) => {
    setOutcome(undefined);
    setOutcome(await task().catch((error: unknown) => refusalOf(error, uid)));
    setStep(undefined);
  };

  const look = async () => {
    setStep('Looking which rules are there…');
    const [shipped, present] = await Promise.all([getShippedRules(uid), getPresentRules()]);
    const comparison = compareRules(rulesOf(shipped), present);
    // What a file keeps is left alone as a whole, so there is nothing to ask.
    if (comparison.different.length > 0 && comparison.fromFile.length === 0) {
      setFound({ shipped, comparison });
      return undefined;
    }
    return write({ shipped, comparison }, []);
  };

  const write = async ({ shipped, comparison }: Found, replace: PresentRule[]) => {
    if (comparison.missing.length > 0 && comparison.fromFile.length === 0) {
      setStep(`Adding ${rulesText(comparison.missing.length)}…`);
      await addMissing(shipped, comparison.missing);
    }
    if (replace.length > 0) {
      setStep(`Replacing ${rulesText(replace.length)}…`);
      const byUid = new Map(rulesOf(shipped).map((rule) => [rule.uid, rule]));
      for (const there of replace) {
        await putRule(replaced(byUid.get(there.uid)!, there));
      }
    }
    return outcomeOf(shipped.folder.title, comparison, replace.length);
  };

  return {
    step,
    outcome,
    question: found?.comparison.different,
    add: () => void work(look),
    decide: (replace) => {
      setFound(undefined);
      if (found) {
        void work(() => write(found, replace ? found.comparison.different : []));
      }
    },
  };
}

function rulesOf({ groups }: ShippedRules): AlertRule[] {
  return groups.flatMap(({ rules }) => rules);
}

async function addMissing({ folder, groups }: ShippedRules, missing: AlertRule[]): Promise<void> {
  await ensureFolder(folder);
  for (const group of groups) {
    const there = await getRuleGroup(group.folderUid, group.title);
    await putRuleGroup(withMissing(group, missing, there));
  }
}
