import { contentOf, type DerReader, TAG } from "../../shared/der/der-reader.ts";
import { readObjectIdentifier, readOptionalBoolean } from "../../shared/der/der-values.ts";

/** One `Extension`: its type (see `object-identifiers.ts`), its critical flag and what its OCTET STRING holds. */
export interface ReadExtension {
  readonly type: string;
  readonly isCritical: boolean;
  readonly value: Buffer;
}

/** Reads the next `Extension` of a sequence of them. Source: RFC 5280 section 4.1. */
export function readExtension(extensions: DerReader): ReadExtension {
  const extension = extensions.enter(TAG.sequence, "extension");
  const type = readObjectIdentifier(extension, "extension");
  const isCritical = readOptionalBoolean(extension, "extension") ?? false;
  const value = contentOf(extension.read(TAG.octetString, "extension"));
  extension.expectEnd("extension");
  return { type, isCritical, value };
}
