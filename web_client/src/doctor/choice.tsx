// A few values side by side, one of them chosen.

interface ChoiceProps<T extends string | number> {
  readonly label: string;
  readonly testid: string;
  readonly values: readonly T[];
  readonly value: T;
  readonly choose: (value: T) => void;
  /** What is written on a button; the value itself where it is left out. */
  readonly words?: (value: T) => string;
  /** More words for a pointer that rests on a button. */
  readonly title?: (value: T) => string;
  readonly unit?: string;
}

export function Choice<T extends string | number>(props: ChoiceProps<T>) {
  const { label, testid, values, value, choose, words, title, unit } = props;
  return (
    <div class="choice" role="group" aria-label={label}>
      {values.map((each) => (
        <button
          key={each}
          type="button"
          class={each === value ? "chosen" : ""}
          aria-pressed={each === value}
          title={title?.(each)}
          data-testid={`${testid}-${each}`}
          onClick={() => choose(each)}
        >
          {words === undefined ? each : words(each)}
        </button>
      ))}
      {unit !== undefined && <span class="choice-unit">{unit}</span>}
    </div>
  );
}
