/**
 * What one expression may be and cost. Every limit is finite, so that no expression can stall the event loop:
 * whole numbers of characters, syntax nodes, elements or steps. A step is about the work of reading one variable;
 * a text costs one step for every {@link STEP_CHARACTERS} characters wherever it is copied, compared or searched.
 */
export const CEL_LIMITS = {
  /** Length of an expression, in UTF-16 code units. */
  sourceCharacters: 8_192,
  syntaxNodes: 1_000,
  /** How deep calls, parentheses and selections nest. */
  nesting: 64,
  listLiteralElements: 256,
  mapLiteralEntries: 256,
  callArguments: 16,
  /** How deep a bound value may nest. */
  valueDepth: 16,
  /** Length of any text an expression is given or makes, in UTF-16 code units. */
  textCharacters: 262_144,
  /** Elements and entries of any value an expression is given or makes, counted through everything inside it. */
  valueElements: 20_000,
  /** Steps of one evaluation. */
  steps: 200_000,
  /** Length of the pattern of `matches()`, in UTF-16 code units. */
  patternCharacters: 512,
  /** States of a compiled pattern; RE2's program size. */
  patternStates: 1_000,
} as const;

/** Characters a step covers when a text is handled as a whole. */
export const STEP_CHARACTERS = 32;
