import { parseJsonText } from "../../../shared/kubernetes/json-text.ts";
import { denied } from "../refusal.ts";

const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The JSON of bytes that somebody has signed, with one meaning only.
 *
 * @throws {AttestationRefusal} when it is no JSON in UTF-8, or has a key twice: readers differ in which of the two counts.
 */
export function readSignedJson(content: Buffer): unknown {
  try {
    const { value, duplicates } = parseJsonText(UTF_8.decode(content));
    if (duplicates.length === 0) return value;
    throw new Error(`the key ${JSON.stringify(duplicates[0])} comes twice`);
  } catch (error) {
    throw denied(`what was signed cannot be read: ${(error as Error).message}`, error);
  }
}
