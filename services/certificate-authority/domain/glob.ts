/** What a pattern means besides its own text. */
export interface GlobOptions {
  /** What a single `*` does not go beyond; without it, it goes anywhere. */
  readonly separator?: string;
  /** A character that no `*` stands for. */
  readonly never?: string;
}

type Token =
  | { readonly kind: "text"; readonly character: string }
  | { readonly kind: "run"; readonly crosses: boolean };

/** Longer texts match nothing: a requester chooses them. */
const MAXIMUM_LENGTH = 4096;
const RUNS = /\*+/g;

/**
 * Makes a test of whole texts: `*` is any run of characters up to the separator, `**` any run at all, everything else
 * is itself. All readings are followed side by side, so that the time is at most pattern times text, whatever they say. Texts of more than 4,096 UTF-16 units match nothing.
 */
export function compileGlob(pattern: string, { separator, never }: GlobOptions = {}): (text: string) => boolean {
  const tokens = tokensOf(pattern, separator);
  const goesOver = (token: Token, character: string): "stays" | "moves" | "ends" => {
    if (token.kind === "text") return token.character === character ? "moves" : "ends";
    return character !== never && (token.crosses || character !== separator) ? "stays" : "ends";
  };
  return (text) => {
    if (text.length > MAXIMUM_LENGTH) return false;
    let reached = withSkippedRuns(new Set([0]), tokens);
    for (const character of text) {
      const next = new Set<number>();
      for (const place of reached) {
        const token = tokens[place];
        const outcome = token === undefined ? "ends" : goesOver(token, character);
        if (outcome !== "ends") next.add(outcome === "moves" ? place + 1 : place);
      }
      if (next.size === 0) return false;
      reached = withSkippedRuns(next, tokens);
    }
    return reached.has(tokens.length);
  };
}

function tokensOf(pattern: string, separator: string | undefined): readonly Token[] {
  const tokens: Token[] = [];
  let end = 0;
  const addText = (text: string): void => {
    for (const character of text) tokens.push({ kind: "text", character });
  };
  for (const { 0: stars, index } of pattern.matchAll(RUNS)) {
    addText(pattern.slice(end, index));
    tokens.push({ kind: "run", crosses: separator === undefined || stars.length > 1 });
    end = index + stars.length;
  }
  addText(pattern.slice(end));
  return tokens;
}

/** A run may stand for nothing. Places that are added are visited as well. */
function withSkippedRuns(places: Set<number>, tokens: readonly Token[]): Set<number> {
  for (const place of places) if (tokens[place]?.kind === "run") places.add(place + 1);
  return places;
}
