/** What verification needs of a stored audit entry. */
export interface StoredEntry {
  readonly kind: string;
  readonly subject: string;
  /** Hash of the row that the entry vouches for. */
  readonly content: string | undefined;
}

/** @returns undefined when the payload is not an audit entry. */
export function readEntry(payload: string): StoredEntry | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value !== "object" || value === null) return undefined;
    const { kind, subject, details } = value as { kind?: unknown; subject?: unknown; details?: unknown };
    if (typeof kind !== "string" || typeof subject !== "string") return undefined;
    const { content } = Object(details) as { content?: unknown };
    return { kind, subject, content: typeof content === "string" ? content : undefined };
  } catch {
    return undefined;
  }
}
