import { type FieldRequirement, parseFieldSelector } from "../../../shared/kubernetes/field-selector.ts";
import { parseLabelSelector } from "../../../shared/kubernetes/label-selector.ts";
import type { CertificateSigningRequest } from "../../domain/certificate-signing-request.ts";

/** Which objects a list, watch or deletecollection is about. */
export interface Selection {
  /** The one name it can only be about; undefined for any. */
  readonly name: string | undefined;
  /** Undefined when every object, or every one of that name, is meant. */
  readonly matches: ((csr: CertificateSigningRequest) => boolean) | undefined;
}

const NAME = "metadata.name";
const SIGNER_NAME = "spec.signerName";
const EVERYTHING: Selection = { name: undefined, matches: undefined };

/** @throws {StatusError} BadRequest when a selector is not understood. */
export function selectionOf(query: URLSearchParams): Selection {
  const fieldText = query.get("fieldSelector") ?? "";
  const labelText = query.get("labelSelector") ?? "";
  if (fieldText === "" && labelText === "") return EVERYTHING;
  const fields = parseFieldSelector(fieldText, [NAME, SIGNER_NAME]);
  const name = fields.find(({ field, equal, value }) => field === NAME && equal && value !== "")?.value;
  if (labelText === "" && name !== undefined && fields.length === 1) return { name, matches: undefined };
  const matchesLabels = parseLabelSelector(labelText);
  return {
    name,
    matches: (csr) => fields.every((field) => matchesField(field, csr)) && matchesLabels(csr.metadata.labels),
  };
}

function matchesField({ field, equal, value }: FieldRequirement, csr: CertificateSigningRequest): boolean {
  const actual = field === NAME ? csr.metadata.name : csr.spec.signerName;
  return (actual === value) === equal;
}

/** What the ports take. */
export function portSelection({ name }: Selection): { readonly name?: string } {
  return name === undefined ? {} : { name };
}
