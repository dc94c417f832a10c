import { Field, Input, SecretInput, TextArea } from '@grafana/ui';
import { type ReactNode, useState } from 'react';

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

interface TextProps extends CommonProps {
  value?: string;
  placeholder?: string;
  onChange: (value: string) => void;
}

/** A line of text. Blanks around it, as pasting brings them, go when it is left. */
export function TextField({ id, label, description, disabled, required, problem, value = '', ...rest }: TextProps) {
  const [wasLeft, setWasLeft] = useState(false);
  const isWrong = problem !== undefined && (wasLeft || value !== '');
  return (
    <Field
      noMargin
      htmlFor={id}
      label={label}
      description={description}
      required={required}
      disabled={disabled}
      invalid={isWrong}
      error={problem}
    >
      <Input
        id={id}
        value={value}
        placeholder={rest.placeholder}
        onChange={({ currentTarget }) => rest.onChange(currentTarget.value)}
        onBlur={() => {
          setWasLeft(true);
          if (value !== value.trim()) {
            rest.onChange(value.trim());
          }
        }}
      />
    </Field>
  );
}

interface NumberProps extends CommonProps {
  value?: number;
  min?: number;
  max?: number;
  onChange: (value: number | undefined) => void;
}

export function NumberField({ id, label, description, disabled, required, problem, value, ...rest }: NumberProps) {
  return (
    <Field
      noMargin
      htmlFor={id}
      label={label}
      description={description}
      required={required}
      disabled={disabled}
      invalid={problem !== undefined}
      error={problem}
    >
      <Input
        id={id}
        type="number"
        min={rest.min}
        max={rest.max}
        value={value ?? ''}
        onChange={({ currentTarget }) =>
          rest.onChange(currentTarget.value === '' ? undefined : Number(currentTarget.value))
        }
      />
    </Field>
  );
}

interface AreaProps extends TextProps {
  rows?: number;
}

export function AreaField({ id, label, description, disabled, problem, value = '', rows = 4, ...rest }: AreaProps) {
  return (
    <Field
      noMargin
      htmlFor={id}
      label={label}
      description={description}
      disabled={disabled}
      invalid={problem !== undefined}
      error={problem}
    >
      <TextArea
        id={id}
        rows={rows}
        value={value}
        placeholder={rest.placeholder}
        spellCheck={false}
        onChange={({ currentTarget }) => rest.onChange(currentTarget.value)}
      />
    </Field>
  );
}

interface ChoiceProps<T extends string> extends CommonProps {
  words: Words<T>;
  value: T;
  onChange: (value: T) => void;
}

/** A choice of words, with the meaning of the chosen one under its label. */
export function ChoiceField<T extends string>({ id, label, words, value, problem, ...rest }: ChoiceProps<T>) {
  const options = useOptions(words);
  return (
    <Field
      noMargin
      htmlFor={id}
      label={label}
      description={rest.description ?? words[value]?.description}
      disabled={rest.disabled}
      invalid={problem !== undefined}
      error={problem}
    >
      <Choice
        id={id}
        options={options}
        value={value}
        disabled={rest.disabled}
        invalid={problem !== undefined}
        onChange={rest.onChange}
      />
    </Field>
  );
}

interface SecretProps extends CommonProps {
  isConfigured: boolean;
  value?: string;
  onChange: (value: string) => void;
  onReset: () => void;
}

export function SecretField({
  id,
  label,
  description,
  disabled,
  required,
  isConfigured,
  value = '',
  ...rest
}: SecretProps) {
  return (
    <Field noMargin htmlFor={id} label={label} description={description} required={required} disabled={disabled}>
      <SecretInput
        id={id}
        isConfigured={isConfigured}
        value={value}
        autoComplete="new-password"
        onChange={({ currentTarget }) => rest.onChange(currentTarget.value)}
        onReset={rest.onReset}
      />
    </Field>
  );
}
