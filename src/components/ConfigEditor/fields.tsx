import { Field, Input, SecretInput, TextArea } from '@grafana/ui';
import { type ReactElement, type ReactNode, useState } from 'react';

import { Choice } from '../Choice';
import { useOptions, type Words } from '../options';

interface CommonProps {
  id: string;
  label: string;
  description?: ReactNode;
  disabled?: boolean;
  required?: boolean;
  /** What is wrong. An empty field is not told of it before it was left once. */
  problem?: string;
}

interface LabelledProps extends CommonProps {
  isWrong?: boolean;
  children: ReactElement<Record<string, unknown>>;
}

/** A control with its label, and what is wrong with it. */
function Labelled({ id, problem, isWrong = problem !== undefined, ...rest }: LabelledProps) {
  return <Field noMargin htmlFor={id} invalid={isWrong} error={problem} {...rest} />;
}

interface TextProps extends CommonProps {
  value?: string;
  placeholder?: string;
  onChange: (value: string) => void;
}

/** A line of text. Blanks around it, as pasting brings them, go when it is left. */
export function TextField({ value = '', placeholder, onChange, ...common }: TextProps) {
  const [wasLeft, setWasLeft] = useState(false);
  const isWrong = common.problem !== undefined && (wasLeft || value !== '');
  return (
    <Labelled {...common} isWrong={isWrong}>
      <Input
        id={common.id}
        value={value}
        placeholder={placeholder}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
        onBlur={() => {
          setWasLeft(true);
          if (value !== value.trim()) {
            onChange(value.trim());
          }
        }}
      />
    </Labelled>
  );
}

interface NumberProps extends CommonProps {
  value?: number;
  min?: number;
  max?: number;
  onChange: (value: number | undefined) => void;
}

export function NumberField({ value, min, max, onChange, ...common }: NumberProps) {
  return (
    <Labelled {...common}>
      <Input
        id={common.id}
        type="number"
        min={min}
        max={max}
        value={value ?? ''}
        onChange={({ currentTarget }) => onChange(currentTarget.value === '' ? undefined : Number(currentTarget.value))}
      />
    </Labelled>
  );
}

interface AreaProps extends TextProps {
  rows?: number;
}

export function AreaField({ value = '', placeholder, rows = 4, onChange, ...common }: AreaProps) {
  return (
    <Labelled {...common}>
      <TextArea
        id={common.id}
        rows={rows}
        value={value}
        placeholder={placeholder}
        spellCheck={false}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      />
    </Labelled>
  );
}

interface ChoiceProps<T extends string> extends CommonProps {
  words: Words<T>;
  value: T;
  onChange: (value: T) => void;
}

/** A choice of words, with the meaning of the chosen one under its label. */
export function ChoiceField<T extends string>({ words, value, onChange, ...common }: ChoiceProps<T>) {
  const options = useOptions(words);
  return (
    <Labelled {...common} description={common.description ?? words[value]?.description}>
      <Choice
        id={common.id}
        options={options}
        value={value}
        disabled={common.disabled}
        invalid={common.problem !== undefined}
        onChange={onChange}
      />
    </Labelled>
  );
}

interface SecretProps extends CommonProps {
  isConfigured: boolean;
  value?: string;
  onChange: (value: string) => void;
  onReset: () => void;
}

export function SecretField({ isConfigured, value = '', onChange, onReset, ...common }: SecretProps) {
  return (
    <Labelled {...common}>
      <SecretInput
        id={common.id}
        isConfigured={isConfigured}
        value={value}
        autoComplete="new-password"
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
        onReset={onReset}
      />
    </Labelled>
  );
}
